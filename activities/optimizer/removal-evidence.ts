/** Which evidence of a removal counts for more: a file may leave out the very statement that needs the index, what the server itself ran less so. */
import { holdsAllOf } from '../../domain/optimizer/idea.ts';
import { kindOf, type Recommendation } from '../../domain/optimizer/recommendation.ts';
import type { OptimizerStore } from './ports.ts';

/** The older one's removals were proven beside the server's own workload, the newer one's beside a file's: it stays, whatever the newer one holds. */
export async function restsOnLess(store: Pick<OptimizerStore, 'sourceOf'>, newer: Recommendation, older: Recommendation): Promise<boolean> {
  if (!removes(older)) return false;
  return (await store.sourceOf(newer.run)) === 'files' && (await store.sourceOf(older.run)) !== 'files';
}

/** Why what a run over files found need not be decided on: it is proposed already, on more. null: it may be recommended. */
export async function proposedOnMore(store: Pick<OptimizerStore, 'inState' | 'sourceOf'>, idea: Recommendation): Promise<string | null> {
  if (!removes(idea)) return null;
  const proposed = await store.inState(idea.cluster, idea.database, 'proposed');
  for (const other of proposed) {
    if (other.id === idea.id || !holdsAllOf(other, idea) || !(await restsOnLess(store, idea, other))) continue;
    return `recommendation ${other.id} of ${other.createdAt.slice(0, 10)} proposes the same, and was proven beside what the server itself ran`;
  }
  return null;
}

const removes = ({ indexes }: Recommendation): boolean => indexes.some((change) => kindOf(change) === 'drop-index');
