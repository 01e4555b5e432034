/** An index that goes, with the definition by which it can be made again. */
import type pg from 'pg';
import { isFault, parseOne } from '../bind/tree.ts';
import { type Applying, deedOf, knownDeed, type Outcome, refused } from './applying.ts';
import { type FoundIndex, findIndex } from './catalogue.ts';
import { execute } from './locks.ts';
import { type ChangeStatement, changeStatements, dropIndexSql } from './statements.ts';

type DropIndex = ChangeStatement & { readonly kind: 'drop-index' };

/** One try. `already-there`: it was gone before, and it is not made again by undoing. */
export async function dropIndex(applying: Applying, statement: DropIndex): Promise<Outcome> {
  const { client, store } = applying;
  const deed = deedOf(applying, statement.object, 'drop');
  const known = await knownDeed(applying, statement.object);
  const found = await findIndex(client, statement.name);
  if (found === null && known === null) return 'already-there';
  if (found !== null) {
    const against = whyNotDrop(applying, found);
    if (against !== null) throw refused(applying, against);
    await store.begin(deed);
    await execute(applying, statement.text, statement.isConcurrent ? 'long' : 'short');
  }
  await store.end(deed);
  return 'built';
}

function whyNotDrop({ change }: Applying, found: FoundIndex): string | null {
  if (found.isConstraint) return 'a constraint or a replica identity stands on it';
  if (found.isAttached) return 'it is a part of a partitioned index, which goes only as a whole';
  const kept = changeStatements(change.undo).find(({ kind }) => kind === 'create-index');
  if (kept === undefined) return 'its definition was not kept: it could not be made again';
  return shapeOf(kept.text) === shapeOf(found.definition) ? null : 'it is another index now than the one whose definition was kept';
}

/** The parse tree without what says how and where it is made; PostgreSQL prints a partitioned index as ON ONLY its table. */
function shapeOf(text: string): string {
  const parsed = parseOne(text);
  if (isFault(parsed)) return text;
  const { concurrent, tableSpace, ...rest } = parsed.root;
  return JSON.stringify(rest, (key, value: unknown) => (/^((.*_)?location|inh)$/.test(key) ? undefined : value));
}

/** Made again as it was, with its comment, unless it is there. False: it is, with a comment or without one to have. */
export async function makeAgain(applying: Applying, object: string): Promise<boolean> {
  const { client, change } = applying;
  let isMade = false;
  for (const statement of changeStatements(change.undo)) {
    if (statement.object !== object) continue;
    if (statement.kind === 'create-index') isMade = await makeOne(applying, client, statement);
    else if (statement.kind === 'comment' && (isMade || (await hasNoComment(client, object)))) {
      // an attempt that was ended may have made the index, and no more
      await execute(applying, statement.text, 'short');
      isMade = true;
    }
  }
  return isMade;
}

async function hasNoComment(client: pg.Client, object: string): Promise<boolean> {
  const { rows } = await client.query<{ comment: string | null }>(
    `/* assay optimizer */ select obj_description(to_regclass($1), 'pg_class') as comment where to_regclass($1) is not null`,
    [object],
  );
  return rows[0]?.comment === null;
}

async function makeOne(applying: Applying, client: pg.Client, statement: ChangeStatement & { readonly kind: 'create-index' }): Promise<boolean> {
  const found = await findIndex(client, statement.name);
  if (found?.isValid === true) return false;
  // half dropped, or half made again
  if (found !== null) await execute(applying, dropIndexSql(statement.name, !found.isWhole), found.isWhole ? 'short' : 'long');
  await execute(applying, statement.text, statement.isConcurrent ? 'long' : 'short');
  return true;
}
