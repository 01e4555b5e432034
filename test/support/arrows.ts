/** The table of the overview, "which folder may import what", as data. The first row whose folder fits a path holds. */

export interface Arrows {
  readonly folder: string;
  /** In words, for the message. */
  readonly says: string;
  readonly builtins: boolean;
  packages(name: string, typeOnly: boolean): boolean;
  /** `target`: path from the checkout's folder. */
  ours(target: string, typeOnly: boolean): boolean;
}

/** The four; every other folder of activities/ is shared between them. */
const agents = ['backup', 'optimizer', 'sync', 'persistence'];

/** The row for a file; null where none fits. */
export function arrowsOf(path: string): Arrows | null {
  const agent = agents.find((name) => path.startsWith(`activities/${name}/`));
  if (agent !== undefined) return activitiesOf(agent);
  return table.find((row) => path.startsWith(row.folder)) ?? (/^[\w.]+\.config\.ts$/.test(path) ? free('configurations') : null);
}

const within =
  (...folders: string[]) =>
  (target: string) =>
    folders.some((folder) => target.startsWith(folder));
const only =
  (...names: string[]) =>
  (name: string) =>
    names.some((allowed) => (allowed.endsWith('*') ? name.startsWith(allowed.slice(0, -1)) : name === allowed));
const none = () => false;

const free = (folder: string): Arrows => ({ folder, says: 'everything', builtins: true, packages: () => true, ours: () => true });

const inWorkers = only('@temporalio/worker', '@temporalio/workflow', '@temporalio/client', '@temporalio/testing');
const ofServers = only('pg', '@mikro-orm/*', '@temporalio/worker', '@temporalio/workflow', '@temporalio/activity', '@temporalio/testing');

const table: readonly Arrows[] = [
  { folder: 'domain/', says: 'domain/ and zod, nothing else', builtins: false, packages: only('zod'), ours: within('domain/') },
  {
    folder: 'workflows/',
    says: 'domain/, @temporalio/workflow, types of activities/',
    builtins: false,
    packages: only('@temporalio/workflow'),
    ours: (target, typeOnly) => within('domain/', 'workflows/')(target) || (typeOnly && target.startsWith('activities/')),
  },
  {
    folder: 'entities/',
    says: 'types of domain/, MikroORM',
    builtins: false,
    packages: only('@mikro-orm/core', '@mikro-orm/migrations'),
    ours: (target, typeOnly) => target.startsWith('entities/') || (typeOnly && target.startsWith('domain/')),
  },
  {
    folder: 'activities/fleet/',
    says: 'what shared activities may, and @temporalio/client: Temporal is what it drives',
    builtins: true,
    packages: (name) => name === '@temporalio/client' || !inWorkers(name),
    ours: sharedActivities,
  },
  {
    folder: 'activities/',
    says: 'domain/, entities/, drivers; of an agent only types',
    builtins: true,
    packages: (name) => !inWorkers(name),
    ours: sharedActivities,
  },
  {
    folder: 'ops/client',
    says: 'domain/, @temporalio/client (its codec: common and proto), types of workflows/',
    builtins: true,
    packages: only('@temporalio/client', '@temporalio/common', '@temporalio/proto'),
    ours: (target, typeOnly) => within('domain/', 'ops/client')(target) || (typeOnly && target.startsWith('workflows/')),
  },
  {
    folder: 'ops/cli',
    says: 'domain/, ops/client, @temporalio/client, types of workflows/; no driver',
    builtins: true,
    packages: (name) => !ofServers(name),
    ours: (target, typeOnly) => within('domain/', 'ops/client', 'ops/cli')(target) || (typeOnly && target.startsWith('workflows/')),
  },
  { folder: 'ops/log', says: 'domain/, pino', builtins: true, packages: only('pino'), ours: within('domain/', 'ops/log') },
  { folder: 'ops/metrics', says: 'domain/, prom-client', builtins: true, packages: only('prom-client'), ours: within('domain/', 'ops/metrics') },
  {
    folder: 'ops/grafana',
    says: 'domain/, ops/metrics, Grafana builders',
    builtins: true,
    packages: only('@grafana/grafana-foundation-sdk', 'yaml'),
    ours: within('domain/', 'ops/metrics', 'ops/prometheus', 'ops/grafana'),
  },
  {
    folder: 'ops/prometheus',
    says: 'domain/, ops/metrics, yaml',
    builtins: true,
    packages: only('yaml'),
    ours: within('domain/', 'ops/metrics', 'ops/prometheus'),
  },
  { folder: 'ops/optimizer-report', says: 'domain/, nothing else', builtins: true, packages: none, ours: within('domain/', 'ops/optimizer-report') },
  { folder: 'ops/setup', says: 'nothing of ours', builtins: true, packages: only('@temporalio/testing'), ours: none },
  free('workers/'),
  free('test/'),
  free('bench/'),
];

function sharedActivities(target: string, typeOnly: boolean): boolean {
  if (within('domain/', 'entities/')(target)) return true;
  const ofAgent = agents.some((name) => target.startsWith(`activities/${name}/`));
  return target.startsWith('activities/') && (typeOnly || !ofAgent);
}

const activitiesOf = (agent: string): Arrows => ({
  folder: `activities/${agent}/`,
  says: "domain/, entities/, drivers, activities/ but no other agent's folder",
  builtins: true,
  packages: (name) => !inWorkers(name),
  ours: (target) => target.startsWith(`activities/${agent}/`) || sharedActivities(target, false),
});
