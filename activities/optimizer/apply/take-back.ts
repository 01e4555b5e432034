/** A change taken back: what Assay made goes, what it dropped is made again, and nothing else is touched. */
import { kindOf, tableOfChange } from '../../../domain/optimizer/recommendation.ts';
import { type Applying, refused } from './carry-out.ts';
import { findIndex, findStatistics } from './catalogue.ts';
import { runPatiently } from './locks.ts';
import type { KnownDeed } from './ports.ts';
import { actAsOwner } from './session.ts';
import { changeStatements, dropIndexSql } from './statements.ts';

/** Throws as carryOut. */
export async function takeBack(applying: Applying): Promise<'dropped' | 'not-there'> {
  const { client, change, store, recommendation, place } = applying;
  const deeds = await store.deeds(recommendation.id, place);
  if (deeds.length === 0) return 'not-there';
  await actAsOwner(client, tableOfChange(change));
  let outcome: 'dropped' | 'not-there' = 'not-there';
  for (const deed of deeds) if (await undo(applying, deed)) outcome = 'dropped';
  return outcome;
}

/** False: there is nothing of it left. */
async function undo(applying: Applying, deed: KnownDeed): Promise<boolean> {
  if (deed.deed !== 'create') throw refused(applying, 'it cannot be taken back yet');
  const { client, change } = applying;
  for (const statement of changeStatements(change.sql)) {
    if (!('name' in statement) || statement.object !== deed.object) continue;
    if (kindOf(change) === 'create-statistics') {
      if ((await findStatistics(client, statement.name)) === null) return false;
      await runPatiently(applying, `DROP STATISTICS IF EXISTS ${statement.object}`, 'short');
      return true;
    }
    const found = await findIndex(client, statement.name);
    if (found === null) return false;
    await runPatiently(applying, dropIndexSql(statement.name, !found.isWhole), found.isWhole ? 'short' : 'long');
    return true;
  }
  return false;
}
