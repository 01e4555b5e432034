/** A change taken back by the deeds that were written down: what Assay made goes, what it dropped is made again, and nothing else is touched. */
import { tableOfChange } from '../../../domain/optimizer/recommendation.ts';
import type { Applying } from './applying.ts';
import { findIndex, findStatistics } from './catalogue.ts';
import { makeAgain } from './drop-index.ts';
import { execute, patiently } from './locks.ts';
import type { KnownDeed } from './ports.ts';
import { dropLeftovers } from './rebuild.ts';
import { actAsOwner } from './session.ts';
import { changeStatements, dropIndexSql } from './statements.ts';

/** Throws as carryOut. */
export async function takeBack(applying: Applying): Promise<'dropped' | 'not-there'> {
  const { client, change, store, recommendation, place } = applying;
  const deeds = await store.deeds(recommendation.id, place);
  if (deeds.length === 0) return 'not-there';
  await actAsOwner(client, tableOfChange(change));
  let outcome: 'dropped' | 'not-there' = 'not-there';
  // in the order they were done: the whole of a partitioned index takes its attached parts with it
  for (const deed of deeds) if (await patiently(applying, `undo of ${deed.object}`, () => undo(applying, deed))) outcome = 'dropped';
  return outcome;
}

/** False: there is nothing left to take back. */
async function undo(applying: Applying, { deed, object }: KnownDeed): Promise<boolean> {
  switch (deed) {
    case 'create':
      return unmake(applying, object);
    case 'drop':
      return makeAgain(applying, object);
    case 'rebuild':
      return dropLeftovers(applying, object);
  }
}

async function unmake(applying: Applying, object: string): Promise<boolean> {
  const { client, change } = applying;
  const made = changeStatements(change.sql).find((one) => one.object === object && ['create-index', 'create-statistics'].includes(one.kind));
  if (made?.kind === 'create-statistics') {
    if ((await findStatistics(client, made.name)) === null) return false;
    await execute(applying, `DROP STATISTICS IF EXISTS ${object}`, 'short');
    return true;
  }
  if (made?.kind !== 'create-index') return false;
  const found = await findIndex(client, made.name);
  if (found === null) return false;
  await execute(applying, dropIndexSql(made.name, !found.isWhole), found.isWhole ? 'short' : 'long');
  return true;
}
