/**
 * Child of the benchmark `hygiene`: the two steps of a run that look at a source, in a process that has done nothing before.
 * Gets the policy as JSON and the control database's URL; prints milliseconds and the highest memory.
 */
import { createApplyStore } from '../activities/control/apply-store.ts';
import { openControl } from '../activities/control/control-database.ts';
import { createOptimizerStore } from '../activities/control/optimizer-store.ts';
import { bindStatements } from '../activities/optimizer/bind/bind.ts';
import { searchSets } from '../activities/optimizer/search-sets.ts';
import { createOptimizerSteps } from '../activities/optimizer/steps.ts';
import { workloadFromFiles } from '../activities/optimizer/workload/files.ts';
import { withConnection } from '../activities/pg.ts';
import type { HygieneSummary } from '../domain/optimizer/hygiene-report.ts';
import { limitsOf } from '../domain/optimizer/limits.ts';
import type { ClusterPolicy } from '../domain/policy.ts';
import { forgetPeak, peakBytes } from './process-cost.ts';

export interface Look {
  readonly workloadMs: number;
  readonly indexesMs: number;
  readonly statements: number;
  readonly hygiene: HygieneSummary;
  /** Before anything was asked, and the highest of each step. */
  readonly idleBytes: number;
  readonly workloadBytes: number;
  readonly indexesBytes: number;
}

async function look(policy: ClusterPolicy, url: string, run: string): Promise<Look> {
  const control = await openControl(url);
  try {
    await control.migrate();
    const notHere = () => Promise.reject(new TypeError('nothing is executed here'));
    const steps = createOptimizerSteps({
      ...{ store: createOptimizerStore(control), bind: bindStatements, search: searchSets, workloadFromFiles, now: () => new Date(), observe: () => {} },
      io: () => ({ signal: new AbortController().signal, beat: () => {}, previous: undefined }),
      labSession: notHere,
      sourceWriter: notHere,
      applyStore: createApplyStore(control),
      sourceSession: (of, database, use) => withConnection(of.connection, () => '', { database, agent: 'optimizer' }, use),
    });
    forgetPeak(process.pid);
    const idleBytes = peakBytes(process.pid);
    const [limits, database] = [limitsOf({}), policy.connection.database];
    // in the other order than a run: what the first leaves on the heap would be the second's
    const [began, hygiene] = [performance.now(), await steps.lookAtIndexes({ policy, database, run, limits })];
    const [indexesMs, indexesBytes] = [performance.now() - began, peakBytes(process.pid)];
    const workload = await steps.observeWorkload({ policy, database, run, owner: 'bench', limits, workload: null, since: 'reset' });
    const workloadMs = performance.now() - began - indexesMs;
    const statements = workload.statements + Object.values(workload.notJudged).reduce((sum, count) => sum + count, 0);
    return { workloadMs, indexesMs, statements, hygiene, idleBytes, indexesBytes, workloadBytes: peakBytes(process.pid) };
  } finally {
    await control.close();
  }
}

const [policy = '', url = '', run = ''] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await look(JSON.parse(policy) as ClusterPolicy, url, run)));
