/** One of the two exhaustive listeners of observations: keeps the metrics of metrics-catalogue.ts. */
import { Registry } from 'prom-client';
import type { CheckOutcome, MarkerWay } from '../domain/backup/model.ts';
import { scheduleNames } from '../domain/ids.ts';
import type { Observation, Observe } from '../domain/observation.ts';
import { createFamilies, type Families, removeCluster } from './metrics-families.ts';
import { type OptimizerState, optimizerListeners, optimizerWatched } from './metrics-optimizer.ts';
import { createProofMemory, type ProofMemory, type ProofRow } from './metrics-proofs.ts';

export type { ProofRow } from './metrics-proofs.ts';

type Kind = Observation['kind'];
type Of<K extends Kind> = Extract<Observation, { kind: K }>;

export interface Metrics {
  readonly registry: Registry;
  readonly listener: Observe;
  /** Sets what a restart would forget: rows of any number, in any order; the newest of each kind counts. Counters stay. Idempotent. */
  setFromHistory(rows: readonly ProofRow[]): void;
}

interface State extends OptimizerState {
  readonly proofs: ProofMemory;
  /** Clones of this process by cluster; a set, because a retried step opens the same one again. */
  readonly clones: Map<string, Set<string>>;
}

/** Metrics on a registry of their own unless one is given. `now` in Unix seconds. */
export function createMetrics(options: { readonly registry?: Registry; readonly now?: () => number } = {}): Metrics {
  const registry = options.registry ?? new Registry();
  const families = createFamilies(registry);
  const now = options.now ?? (() => Date.now() / 1000);
  const state: State = { families, proofs: createProofMemory(families), now, clones: new Map(), durations: new Set() };
  return {
    registry,
    listener: (seen) => {
      const listen = listeners[seen.kind] as (state: State, seen: Observation) => void; // the kind picked the listener of this very type
      listen(state, seen);
    },
    setFromHistory: (rows) => {
      for (const row of rows.toSorted((a, b) => a.judgedAtSeconds - b.judgedAtSeconds)) state.proofs.remember(row);
    },
  };
}

/** A kind of observation without its line here does not compile. */
const listeners: { readonly [K in Kind]: (state: State, seen: Of<K>) => void } = {
  'worker-started': ({ families: m }, { host }) => {
    m.workerInfo.set({ host }, 1);
    m.stepFailures.inc({ step: 'none', code: 'internal' }, 0);
  },
  'worker-stopped': ({ families: m }, { host }) => m.workerInfo.set({ host }, 0),
  'cluster-watched': (state, seen) => {
    watched(state.families, seen);
    optimizerWatched(state, seen);
  },
  'cluster-forgotten': (state, { cluster }) => {
    state.clones.delete(cluster);
    state.durations.delete(cluster);
    state.proofs.forget(cluster);
    removeCluster(state.families, cluster);
  },
  'witness-written': ({ families: m, now }, { cluster }) => {
    m.lastWitness.set({ cluster }, now());
    m.witnesses.inc({ cluster, outcome: 'written' });
  },
  'witness-failed': ({ families: m }, { cluster }) => m.witnesses.inc({ cluster, outcome: 'failed' }),
  'archive-measured': ({ families: m, now }, { cluster, repository, lagBytes, lagSeconds, gaps }) => {
    m.archiveLagBytes.set({ cluster, repository }, lagBytes);
    m.archiveLagSeconds.set({ cluster, repository }, lagSeconds);
    m.archiveGaps.set({ cluster, repository }, gaps);
    m.archiveMeasured.set({ cluster, repository }, now());
  },
  'window-measured': ({ families: m }, { cluster, repository, oldest, newest }) => {
    setInstant(m.windowOldest, { cluster, repository }, oldest);
    setInstant(m.windowNewest, { cluster, repository }, newest);
  },
  'engine-progress': ({ families: m }, { cluster, phase, doneBytes, totalBytes }) => {
    m.engineDoneBytes.set({ cluster, phase }, doneBytes);
    m.engineExpectedBytes.set({ cluster, phase }, totalBytes);
  },
  'backup-taken': ({ families: m, now }, { cluster, repository, type, adopted, databaseBytes, repositoryBytes, tookMs }) => {
    m.backups.inc({ cluster, repository, type, outcome: adopted ? 'adopted' : 'taken' });
    m.databaseBytes.set({ cluster }, databaseBytes);
    m.lastBackup.set({ cluster, repository, type }, now());
    // the attempt that made an adopted backup may have counted it: bytes and seconds are better short than double
    if (adopted) return;
    m.repositoryBytes.inc({ cluster, repository, type }, repositoryBytes);
    m.engineDuration.observe({ cluster, operation: type }, tookMs / 1000);
  },
  'backup-failed': ({ families: m }, { cluster, type, code }) => m.backupFailures.inc({ cluster, type, code }),
  'marker-made': ({ families: m }, { cluster, way, tookMs, fenceMs }) => {
    m.markers.inc({ cluster, way: oneOf(WAYS, way) });
    m.markerDuration.observe({ cluster }, tookMs / 1000);
    m.fence.observe({ cluster }, fenceMs / 1000);
  },
  'marker-failed': ({ families: m }, { cluster }) => m.markerFailures.inc({ cluster }),
  'clone-opened': (state, { cluster, clone }) => clonesChanged(state, cluster, (open) => open.add(clone)),
  'clone-wiped': (state, { cluster, clone, swept }) => {
    if (swept) state.families.clonesSwept.inc({ cluster });
    clonesChanged(state, cluster, (open) => open.delete(clone));
  },
  'check-made': ({ families: m }, { cluster, check, outcome, tookMs }) => {
    m.checks.inc({ cluster, check, outcome: oneOf(OUTCOMES, outcome) });
    m.checkDuration.observe({ check }, tookMs / 1000);
  },
  'proof-judged': ({ families: m, proofs, now }, seen) => {
    const { cluster, repository, depth, verdict, level, cause, recoveryTime } = seen;
    m.proofs.inc({ cluster, repository, depth, verdict, level: level ?? 'none', cause: cause ?? 'none' });
    if (recoveryTime !== null) m.engineDuration.observe({ cluster, operation: 'restore' }, recoveryTime.fetchMs / 1000);
    proofs.remember({ ...seen, judgedAtSeconds: now() });
  },
  'backups-expired': ({ families: m }, { cluster, labels, dryRun }) => m.expired.inc({ cluster }, dryRun ? 0 : labels.length),
  'markers-removed': ({ families: m }, { cluster, removed }) => m.markersRemoved.inc({ cluster }, removed),
  'restore-finished': ({ families: m }, { cluster, outcome }) => m.restores.inc({ cluster, outcome }),
  'schedule-missed': ({ families: m }, { cluster, schedule, missed }) =>
    // a whole schedule id or its last part
    m.missedSchedules.inc({ cluster, schedule: oneOf(scheduleNames, schedule.split('/').at(-1) ?? '') }, missed),
  'objective-missed': ({ families: m }, { cluster, objective }) => m.objectivesMissed.inc({ cluster, objective }),
  ...optimizerListeners,
  'library-said': () => {},
  'step-failed': ({ families: m }, { step, code }) => m.stepFailures.inc({ step, code }),
};

const WAYS: readonly MarkerWay[] = ['slot', 'optimistic', 'fence', 'standby'];
const OUTCOMES: readonly CheckOutcome[] = ['passed', 'failed', 'unusable', 'not-applicable', 'finding'];

/** Keeps a label's set closed where the observation's type is only text. */
const oneOf = (known: readonly string[], value: string) => (known.includes(value) ? value : 'other');

/** A moment that is no more has no series: the last one known would be told as if it still held. */
function setInstant(gauge: Families['windowOldest'], labels: { cluster: string; repository: number }, instant: string | null): void {
  if (instant === null) gauge.remove(labels);
  else gauge.set(labels, Date.parse(instant) / 1000);
}

function clonesChanged({ clones, families }: State, cluster: string, change: (open: Set<string>) => void): void {
  const open = clones.get(cluster) ?? new Set();
  clones.set(cluster, open);
  change(open);
  families.clonesOpen.set({ cluster }, open.size);
}

/**
 * Series that alerts and panels read start at zero: for Prometheus a counter that appears with 1 did not grow.
 * Not so missed schedules: they stand where Temporal's count stands, from the first look on.
 */
function watched(m: Families, { cluster, repositories, objectives }: Of<'cluster-watched'>): void {
  m.objective.set({ cluster, objective: 'proof_age' }, objectives.proofAgeSeconds);
  const optional = { rpo: objectives.rpoSeconds, rto: objectives.rtoSeconds };
  for (const objective of ['rpo', 'rto'] as const) {
    // none: infinitely much is allowed, which no alert exceeds and no panel draws
    m.objective.set({ cluster, objective }, optional[objective] ?? Number.POSITIVE_INFINITY);
    m.objectivesMissed.inc({ cluster, objective }, 0);
  }
  for (const outcome of ['written', 'failed']) m.witnesses.inc({ cluster, outcome }, 0);
  for (const outcome of ['proven', 'failed', 'inconclusive', 'refused']) m.restores.inc({ cluster, outcome }, 0);
  for (const type of ['full', 'differential', 'incremental']) m.backupFailures.inc({ cluster, type, code: 'engine-failed' }, 0);
  for (const counter of [m.markerFailures, m.clonesSwept, m.expired, m.markersRemoved]) counter.inc({ cluster }, 0);
  m.clonesOpen.inc({ cluster }, 0);
  for (const repository of repositories) {
    m.inconclusiveInRow.inc({ cluster, repository }, 0);
    for (const verdict of ['proven', 'failed', 'inconclusive']) m.proofs.inc({ cluster, repository, depth: 'plain', verdict, level: 'none', cause: 'none' }, 0);
  }
}
