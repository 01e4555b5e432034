/** A new index, or one of a partition. */
import { literal } from '../../pg.ts';
import { faultOf, isNameTaken, isServerError } from '../../pg-errors.ts';
import { type Applying, deedOf, knownDeed, type Outcome, refused } from './applying.ts';
import { equalIndex, findIndex, isTaken } from './catalogue.ts';
import { execute, quietEnough } from './locks.ts';
import type { Deed } from './ports.ts';
import { type ChangeStatement, dropIndexSql } from './statements.ts';

type CreateIndex = ChangeStatement & { readonly kind: 'create-index' };

/** One try: throws where a lock is in the way. `mayBeForeign`: an equal index of somebody else's serves as well. */
export async function createIndex(applying: Applying, statement: CreateIndex, { mayBeForeign }: { readonly mayBeForeign: boolean }): Promise<Outcome> {
  const { client, store, change } = applying;
  const deed = deedOf(applying, statement.object, 'create');
  const known = await knownDeed(applying, statement.object);
  const found = await findIndex(client, statement.name);
  if (found === null && (await isTaken(client, statement.name))) throw refused(applying, `${statement.object} is there, and is no index`);
  if (known === null) {
    if (mayBeForeign && change.index !== null && (await equalIndex(client, change.index)) !== null) return 'already-there';
    if (found !== null)
      throw refused(applying, `there is another index ${statement.object}${found.isValid ? '' : ', an INVALID one'}, which Assay did not make`);
  } else if (found !== null) {
    if (found.isValid || found.isWhole) return finished(applying, deed);
    await execute(applying, dropIndexSql(statement.name, true), 'long');
  }
  if (statement.isConcurrent) await quietEnough(applying);
  await store.begin(deed);
  try {
    await build(applying, statement);
  } catch (error) {
    if (!isNameTaken(error)) throw error;
    // somebody else was faster, maybe with this very SQL: what is there is theirs, and undoing leaves it alone
    await store.forget(deed);
    return createIndex(applying, statement, { mayBeForeign });
  }
  return finished(applying, deed);
}

/** What a failed build leaves behind costs writers and room, and helps nobody. */
async function build(applying: Applying, statement: CreateIndex): Promise<void> {
  try {
    await execute(applying, statement.text, statement.isConcurrent ? 'long' : 'short');
  } catch (error) {
    if (isServerError(error) && !isNameTaken(error)) {
      // the error of the build is the one to tell; what cannot be dropped now is by the next attempt, or by undoing
      const wait = faultOf(error) === 'cancelled' ? 'short' : 'long';
      await execute(applying, dropIndexSql(statement.name, statement.isConcurrent), wait).catch(() => {});
    }
    throw error;
  }
}

async function finished(applying: Applying, deed: Deed): Promise<Outcome> {
  await execute(applying, `COMMENT ON INDEX ${deed.object} IS ${literal(`assay ${applying.recommendation.id}`)}`, 'short');
  await applying.store.end(deed);
  return 'built';
}
