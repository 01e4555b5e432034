/** An index built anew in place. What REINDEX CONCURRENTLY leaves behind where it fails is an INVALID index beside it, named `…_ccnew` or `…_ccold`. */
import { type Applying, deedOf, knownDeed, type Outcome, refused } from './applying.ts';
import { findIndex, invalidBeside } from './catalogue.ts';
import { execute, quietEnough } from './locks.ts';
import { type ChangeStatement, changeStatements, dropIndexSql } from './statements.ts';

/** One try. */
export async function rebuildIndex(applying: Applying, statement: ChangeStatement & { readonly kind: 'reindex' }): Promise<Outcome> {
  const { client, store } = applying;
  const known = await knownDeed(applying, statement.object);
  if (known?.isEnded === true) return 'built';
  if ((await findIndex(client, statement.name)) === null) throw refused(applying, `there is no index ${statement.object} any more`);
  if (known !== null) await dropLeftovers(applying, statement.object);
  await quietEnough(applying);
  const foreign = (await invalidBeside(client, statement.name)).map(({ relation }) => relation);
  const deed = deedOf(applying, statement.object, 'rebuild', foreign);
  await store.begin(deed);
  try {
    await execute(applying, statement.text, 'long');
  } catch (error) {
    // the error of the rebuild is the one to tell; what cannot be dropped now is by the next attempt, or by undoing
    await dropLeftovers(applying, statement.object, 'short').catch(() => {});
    throw error;
  }
  await store.end(deed);
  return 'built';
}

/** False: there were none of ours. */
export async function dropLeftovers(applying: Applying, object: string, wait: 'short' | 'long' = 'long'): Promise<boolean> {
  const { client, change } = applying;
  const known = await knownDeed(applying, object);
  const statement = changeStatements(change.sql).find((one) => one.kind === 'reindex' && one.object === object);
  if (known === null || statement?.kind !== 'reindex') return false;
  const ours = (await invalidBeside(client, statement.name)).filter(({ relation }) => !known.foreign.includes(relation));
  for (const index of ours) await execute(applying, dropIndexSql(index, true), wait);
  return ours.length > 0;
}
