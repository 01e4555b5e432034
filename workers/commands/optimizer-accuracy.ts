/** `assay optimizer accuracy`: read from the experiments in the control database. */
import { accuracyByShape, type ShapeAccuracy } from '../../domain/optimizer/accuracy.ts';
import type { GlobalOptions } from '../../ops/cli/handlers.ts';
import { withStore } from './optimizer.ts';

/** Over all clusters where null. Throws control-unreachable, usage. */
export const readAccuracy = (options: GlobalOptions, cluster: string | null): Promise<readonly ShapeAccuracy[]> =>
  withStore(options, async (store) => accuracyByShape(await store.gains(cluster)));
