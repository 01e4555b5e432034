/** Markers the lock-free way under load: do writers stall, and does one of many comparisons with a clone raise a false alarm? */
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { BackupDependencies } from '../activities/backup/ports.ts';
import type { CheckResult, Marker } from '../domain/backup/model.ts';
import type { ClusterPolicy } from '../domain/policy.ts';
import { createSourceObjects } from '../workers/commands/plan-source-objects.ts';
import { readSecret } from '../workers/config.ts';
import type { Bench, Benchmark, Figure } from './benchmark.ts';
import { startWritersApart, type Writers } from './cores.ts';
import { GOAL_GIGABYTES } from './options.ts';
import { filledShop, parts, quietIo } from './site.ts';
import { stalls } from './stalls.ts';
import { judge } from './statistics.ts';
import { nowMs, type Recorded, startWriters, type Window, WRITERS } from './writers.ts';

/** Each round is one marker of each of the two databases: more than 100 of them make the 200 comparisons. */
const ROUNDS_PER_PAIR = { apart: 20, shared: 8 } as const;
const GIGABYTES = 0.02;
const REST_MS = 60;

export const markers: Benchmark = {
  name: 'markers',
  about: 'stalls of writers while markers are made at 1,000 tps; false alarms of comparisons with a clone',
  run: (bench: Bench): Promise<readonly Figure[]> =>
    bench.cluster({ name: 'busy', settings: { checkpoint_timeout: '30s', max_wal_size: '2GB' } }, async (cluster) => {
      await filledShop(cluster, GIGABYTES);
      const policy = cluster.policy((own) => ({ ...own, host: hostname(), excludedDatabases: ['postgres'] }));
      await createSourceObjects(readSecret).apply(policy);
      await cluster.pgbackrest('--type=full', 'backup');
      const share = bench.options.pairs * Math.min(1, bench.options.gigabytes / GOAL_GIGABYTES);
      const rounds = (perPair: number) => Math.max(2, Math.round(perPair * share));
      const shared = await makeUnderLoad(await startWriters({ server: cluster, ...WRITERS }), policy, rounds(ROUNDS_PER_PAIR.shared));
      const writersApart = await startWritersApart(cluster);
      const apart = writersApart && (await makeUnderLoad(writersApart, policy, rounds(ROUNDS_PER_PAIR.apart)));
      const markers = [...shared.markers, ...(apart?.markers ?? [])];
      bench.tell(`${markers.length} markers at ${Math.round(shared.recorded.tps)} tps`);
      const compared = await compareAll(bench, policy, markers);
      return [
        ...(apart ? stallsOf(apart, 'writers on a core of their own', 'no measurable stall') : []),
        ...stallsOf(shared, 'all on the same cores', null),
        alarms({ ...shared, markers }, compared),
      ];
    }),
};

interface Made {
  readonly markers: readonly Marker[];
  readonly marking: readonly Window[];
  readonly nothing: readonly Window[];
  readonly looping: readonly Window[];
  readonly recorded: Recorded;
}

/**
 * Judged against an empty loop as long: what that shows beside windows of nothing is the machine's own (one memory, one host; 1.09 [1.01, 1.20]
 * on a core that the writers did not use), and nothing that computes at all is without it. Against nothing it is told.
 */
function stallsOf({ marking, nothing, looping, recorded }: Made, where: string, goal: string | null): readonly Figure[] {
  const name = (ours: string, control: string) => `writers' p99 in windows of ${ours} / in windows of ${control}, ${where}`;
  return [
    stalls({ recorded, ours: marking, control: looping, name: name('markers', 'an empty loop'), goal }),
    stalls({ recorded, ours: marking, control: nothing, name: name('markers', 'nothing'), goal: null }),
    stalls({ recorded, ours: looping, control: nothing, name: name('an empty loop', 'nothing'), goal: null }),
  ];
}

/** In each round a marker, and as long windows of nothing and of an empty loop in this process, each first in every third round. */
async function makeUnderLoad(writers: Writers, policy: ClusterPolicy, rounds: number): Promise<Made> {
  const { markerMaker } = parts();
  const all: Marker[] = [];
  const windows = { marking: [] as Window[], nothing: [] as Window[], looping: [] as Window[] };
  const within = async (kept: Window[], work: () => unknown) => {
    await pause(REST_MS);
    const from = nowMs();
    await work();
    kept.push({ from, to: nowMs() });
  };
  const mark = async () => void all.push(...(await markerMaker.make(policy, { equality: 'hash', previous: [] }, quietIo())).markers);
  // the first ones load code and catalogue
  await pause(1_000);
  const warmUp: Window[] = [];
  for (let times = 0; times < 2; times += 1) await within(warmUp, mark);
  all.length = 0;
  const lastMs = () => {
    const { from, to } = (windows.marking.at(-1) ?? warmUp.at(-1)) as Window;
    return to - from;
  };
  const inTurn = [
    () => within(windows.marking, mark),
    () => within(windows.nothing, () => pause(lastMs())),
    () => within(windows.looping, () => loopFor(lastMs())),
  ];
  for (let round = 0; round < rounds; round += 1) {
    for (const index of inTurn.keys()) await inTurn[(round + index) % inTurn.length]?.();
  }
  return { markers: all, ...windows, recorded: await writers.stop() };
}

function loopFor(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

interface Compared {
  readonly equal: number;
  readonly alarms: readonly CheckResult[];
  readonly unusable: readonly CheckResult[];
}

/** One clone, restored once, walks forward through every marker. */
async function compareAll(bench: Bench, policy: ClusterPolicy, all: readonly Marker[]): Promise<Compared> {
  const deps = parts();
  const engine = deps.engineFor(policy);
  await archiveAll(deps, policy);
  const backup = (await engine.info(1)).backups.at(-1);
  const first = all[0];
  if (backup === undefined || first === undefined) throw new TypeError('a backup and a marker come before the clone');
  const clone = await deps.clones.open(policy, 'walk', 'bench/walk', backup.databaseBytes);
  const results: CheckResult[] = [];
  let equal = 0;
  try {
    const target = (marker: Marker) => ({ kind: 'lsn', lsn: marker.lsn, exclusive: true }) as const;
    await engine.restore({ label: backup.label, repository: 1, target: target(first), action: 'pause', ...deps.clones.restoreFolders(clone) }, quietIo());
    for (const [index, marker] of all.entries()) {
      const { reached } = await deps.clones[index === 0 ? 'start' : 'walk'](policy, clone, target(marker), quietIo());
      const checks = await deps.checks.content(policy, clone, marker, reached, quietIo());
      if (checks.some((check) => check.name === 'fingerprints' && check.outcome === 'passed')) equal += 1;
      results.push(...checks.filter((check) => check.outcome === 'failed' || check.outcome === 'unusable'));
      if ((index + 1) % 20 === 0) bench.tell(`compared ${index + 1}/${all.length}, ${equal} equal`);
    }
  } finally {
    await deps.clones.wipe(clone);
  }
  return { equal, alarms: results.filter((check) => check.outcome === 'failed'), unusable: results.filter((check) => check.outcome === 'unusable') };
}

/** The last marker can be stopped at once a record after it lies in the repository. */
async function archiveAll({ source, engineFor }: BackupDependencies, policy: ClusterPolicy): Promise<void> {
  await source.writeWitness(policy);
  const { timeline } = await source.state(policy);
  const lsn = await source.switchWal(policy);
  const wanted = (BigInt(`0x${lsn.split('/')[0]}`) << 32n) + BigInt(`0x${lsn.split('/')[1]}`) - 1n;
  const segment = wanted / (16n * 1024n * 1024n);
  const hex = (value: bigint | number) => value.toString(16).toUpperCase().padStart(8, '0');
  const name = `${hex(timeline)}${hex(segment / 256n)}${hex(segment % 256n)}`;
  while (!(await engineFor(policy).archive(1)).some((each) => each.name === name)) await pause(250);
}

function alarms({ markers: all, recorded }: Made, { equal, alarms: raised, unusable }: Compared): Figure {
  const ways = [...new Set(all.map(({ way }) => way))].join(', ');
  const inProgress = all.filter(({ snapshot }) => (snapshot.split(':')[2] ?? '') !== '').length;
  const goal = judge({ median: raised.length, low: raised.length, high: raised.length }, { atMost: 0 });
  return {
    name: `false alarms in ${all.length} marker/clone comparisons`,
    measured: `${raised.length} (${equal} equal, ${unusable.length} unusable)`,
    goal: '0 in 200',
    judged: all.length >= 200 || raised.length > 0 ? goal : null,
    remark: `way ${ways}; made at ${Math.round(recorded.tps)} tps, ${inProgress} snapshots with transactions in progress; one clone walked through all${raised[0] ? `; first: ${raised[0].because[0]}` : ''}`,
    samples: { comparisons: all.length, equal, alarms: raised.length, unusable: unusable.length },
  };
}
