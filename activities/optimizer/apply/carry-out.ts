/**
 * One change carried out on the source, statement by statement. Each looks first, then acts: what is done already is not done again, what a killed attempt
 * left half made is taken away, and what somebody else made is never touched. A deed is written down before it is done.
 */
import { tableOfChange } from '../../../domain/optimizer/recommendation.ts';
import type { Applying, Outcome } from './applying.ts';
import { refused } from './applying.ts';
import { findIndex } from './catalogue.ts';
import { createIndex } from './create-index.ts';
import { createStatistics } from './create-statistics.ts';
import { dropIndex } from './drop-index.ts';
import { execute, patiently } from './locks.ts';
import { assertOwnTable, attachPart, brokenWhole } from './partition.ts';
import { rebuildIndex } from './rebuild.ts';
import { actAsOwner } from './session.ts';
import { type ChangeStatement, changeStatements } from './statements.ts';

/** Throws change-blocked, refused-by-guard, privilege-missing and PostgreSQL's own errors. */
export async function carryOut(applying: Applying): Promise<Outcome> {
  const { client, change } = applying;
  await actAsOwner(client, tableOfChange(change));
  const statements = changeStatements(change.sql);
  await assertOwnTable(applying, statements);
  for (const statement of statements) {
    const outcome = await patiently(applying, wordsOf(statement), () => step(applying, statement, statement === statements[0]));
    // what somebody else made serves as well: what would follow is theirs too
    if (outcome === 'already-there') return outcome;
  }
  const broken = await brokenWhole(applying, statements);
  if (broken !== null) throw refused(applying, broken);
  return 'built';
}

function step(applying: Applying, statement: ChangeStatement, isFirst: boolean): Promise<Outcome> {
  switch (statement.kind) {
    case 'create-index':
      return createIndex(applying, statement, { mayBeForeign: isFirst });
    case 'attach':
      return attachPart(applying, statement);
    case 'drop-index':
      return dropIndex(applying, statement);
    case 'reindex':
      return rebuildIndex(applying, statement);
    case 'create-statistics':
      return createStatistics(applying, statement);
    case 'analyze':
      return execute(applying, statement.text, 'short').then(() => 'built');
    case 'drop-statistics':
    case 'comment':
      throw refused(applying, `${statement.kind} belongs to no change`);
  }
}

const wordsOf = ({ kind, object }: ChangeStatement): string => `${kind} ${object}`;

/** Real bytes of the index that the change is about; 0 where there is none. */
export async function sizeOf({ client, change }: Applying): Promise<number> {
  const index = await findIndex(client, { schema: tableOfChange(change).schema, relation: change.name });
  return index?.sizeBytes ?? 0;
}
