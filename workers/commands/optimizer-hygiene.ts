/** `assay optimizer hygiene`: what the last run found about the indexes that are there, read from the control database. */
import { asDecided } from '../../activities/optimizer/hygiene/refused.ts';
import { AssayError } from '../../domain/errors.ts';
import type { GlobalOptions, StoredHygieneReport } from '../../ops/cli/handlers.ts';
import { withStore } from './optimizer.ts';

/** `target`: CLUSTER or CLUSTER/DATABASE. Throws control-unreachable, usage where no run has looked. */
export async function readHygiene(options: GlobalOptions, target: string): Promise<StoredHygieneReport> {
  const slash = target.indexOf('/');
  const of = slash === -1 ? { cluster: target } : { cluster: target.slice(0, slash), database: target.slice(slash + 1) };
  const found = await withStore(options, async (store) => {
    const stored = await store.findHygiene(of);
    return stored === null ? null : { ...stored, report: await asDecided(store, stored, stored.report) };
  });
  if (found !== null) return found;
  throw new AssayError('usage', { reason: `no run has looked at the indexes of ${target}`, hint: `assay optimizer run ${target} looks at them` });
}
