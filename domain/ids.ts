/** Every name that makes a request idempotent: workflow ids, task queues, schedule ids, labels. One catalogue, all public. */

/** Any worker polls it: workflows, and steps that need only the control database. */
export const fleetQueue = 'assay';

/** Only the worker of this host polls it: engine runs, clones, child processes. */
export const hostQueue = (host: string): string => `assay@${host}`;

export const workflowIds = {
  backupRun: (cluster: string, requestKey: string) => `backup/${cluster}/run/${requestKey}`,
  backupProve: (cluster: string, requestKey: string) => `backup/${cluster}/prove/${requestKey}`,
  backupRestore: (cluster: string, requestKey: string) => `backup/${cluster}/restore/${requestKey}`,
  backupExpire: (cluster: string, requestKey: string) => `backup/${cluster}/expire/${requestKey}`,
  backupFingerprint: (cluster: string, requestKey: string) => `backup/${cluster}/fingerprint/${requestKey}`,
  backupRestorePoint: (cluster: string, name: string) => `backup/${cluster}/restore-point/${name}`,
  /** One at a time: who asks while it is being answered gets the same answer. */
  backupStatus: (cluster: string) => `backup/${cluster}/status`,
  clusterLock: (cluster: string) => `backup/${cluster}/lock`,
  optimizerRun: (cluster: string, requestKey: string) => `optimizer/${cluster}/run/${requestKey}`,
  optimizerRecommendation: (cluster: string, recommendation: string) => `optimizer/${cluster}/recommendation/${recommendation}`,
} as const;

export const scheduleNames = ['full', 'differential', 'incremental', 'deep-proof', 'random-proof', 'expire', 'fingerprint', 'optimizer'] as const;
export type ScheduleName = (typeof scheduleNames)[number];

/** `repository`: one beside the policy's first, whose schedules have the plain name. */
export const scheduleId = (cluster: string, name: ScheduleName, repository: number | null = null): string =>
  name === 'optimizer' ? `optimizer/${cluster}/schedule/run` : `backup/${cluster}/schedule/${inRepository(name, repository)}`;

/** What is done in each repository by itself. */
const perRepository: readonly ScheduleName[] = ['full', 'differential', 'incremental', 'deep-proof', 'random-proof', 'expire'];
const mostRepositories = [1, 2, 3, 4] as const;

/** `full-repo2`. */
export const inRepository = (name: string, repository: number | null): string => (repository === null ? name : `${name}-repo${repository}`);

/** Every id that a schedule of this name may have; left out: whatever repositories the policy has or had. */
export const scheduleIdsOf = (cluster: string, name: ScheduleName, others: readonly number[] = mostRepositories): readonly string[] => [
  scheduleId(cluster, name),
  ...(perRepository.includes(name) ? others.map((repository) => scheduleId(cluster, name, repository)) : []),
];

/** null: not one of Assay's schedules. */
export const clusterOfSchedule = (id: string): string | null => /^(?:backup|optimizer)\/([^/]+)\/schedule\/[^/]+$/.exec(id)?.[1] ?? null;

/** Everything Assay owns in Temporal for a cluster starts with this. */
export const clusterPrefix = (cluster: string): string => `backup/${cluster}/`;

/** Schema that Assay keeps in a user's cluster; `assay remove` drops it. */
export const sourceSchema = 'assay';

/** application_name of every connection Assay opens, tagged by agent. */
export const applicationName = (agent: 'backup' | 'control' | 'doctor' | 'optimizer'): string => `assay-${agent}`;

/** Annotation of a pgBackRest backup that carries the idempotency key of its request. */
export const requestAnnotation = 'assay-request';
