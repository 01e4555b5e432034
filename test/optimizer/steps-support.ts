/** The optimizer's steps on one real server: it stands for the source and for the lab, and a database of its own holds what they keep. */
import { type Control, openControl } from '../../activities/control/control-database.ts';
import { createOptimizerStore } from '../../activities/control/optimizer-store.ts';
import { bindStatements } from '../../activities/optimizer/bind/bind.ts';
import type { OptimizerStore } from '../../activities/optimizer/ports.ts';
import { searchSets } from '../../activities/optimizer/search-sets.ts';
import { createOptimizerSteps, type OptimizerSteps } from '../../activities/optimizer/steps.ts';
import { workloadFromFiles } from '../../activities/optimizer/workload/files.ts';
import { withConnection } from '../../activities/pg.ts';
import type { Observe } from '../../domain/observation.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { quietIo } from '../backup/clone-support.ts';
import { unusedApply } from './apply-support.ts';

export interface StepsBench {
  readonly control: Control;
  readonly store: OptimizerStore;
  readonly steps: OptimizerSteps;
}

/** Of the database `control`, which must be there. */
export const controlUrlOf = ({ port, socketDirectory }: EmbeddedCluster): string =>
  `postgres://postgres@localhost:${port}/control?host=${encodeURIComponent(socketDirectory)}`;

/** Whoever opens it closes the control database. */
export async function openSteps(cluster: EmbeddedCluster, observe: Observe = () => {}): Promise<StepsBench> {
  const control = await openControl(controlUrlOf(cluster));
  await control.migrate();
  const store = createOptimizerStore(control);
  const steps = createOptimizerSteps({
    ...{ ...unusedApply, store, bind: bindStatements, search: searchSets, workloadFromFiles, io: quietIo, now: () => new Date(), observe },
    labSession: ({ policy }, options, use) => withConnection(policy.connection, () => '', options, use),
    sourceSession: (policy, database, use) => withConnection(policy.connection, () => '', { database }, use),
  });
  return { control, store, steps };
}
