/** A run's statements with values, on the lab. Drawn from statistics that nothing changes there, or read from the run's files: each step gets the same ones. */
import type pg from 'pg';
import { MAX_BINDINGS } from '../../../domain/optimizer/limits.ts';
import type { Bound } from '../../../domain/optimizer/model.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { BoundWorkload } from '../bind/bind.ts';
import type { OptimizerDependencies, StoredRun } from '../ports.ts';
import { LINE_PREFIX } from './planner-settings.ts';

export interface RunToBind {
  readonly stored: StoredRun;
  readonly workload: readonly string[] | null;
  readonly policy: ClusterPolicy;
  /** Made-up values come beside the real ones then. Left out: as many as are measured with, real ones alone where there are any. */
  readonly maxBindings?: number;
}

export async function bindRun(deps: OptimizerDependencies, client: pg.Client, { stored, workload, policy, maxBindings }: RunToBind): Promise<BoundWorkload> {
  const captured = workload === null ? await takenBefore(deps, stored, policy) : await inFiles(deps, stored, workload);
  const bound = await deps.bind(client, stored.statements, { maxBindings: maxBindings ?? MAX_BINDINGS, captured, asWhoRan: true });
  return maxBindings === undefined ? { ...bound, bound: bound.bound.map(realFirst) } : bound;
}

const inFiles = async (deps: OptimizerDependencies, { database, settings }: StoredRun, workload: readonly string[]) =>
  (await deps.workloadFromFiles(workload, database, settings[LINE_PREFIX])).captured;

/** What came after the run began would make one step plan with other values than the step before. */
const takenBefore = async ({ capture }: OptimizerDependencies, { database, startedAt }: StoredRun, policy: ClusterPolicy) =>
  (await capture?.valuesOf(policy, database, new Date(startedAt))) ?? new Map();

/** Where values are known that were really sent, made-up ones have no say. */
function realFirst(bound: Bound): Bound {
  const captured = bound.bindings.filter(({ source }) => source === 'captured');
  return captured.length === 0 ? bound : { ...bound, bindings: captured };
}
