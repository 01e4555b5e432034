/**
 * One change carried out on the source, or taken back, statement by statement. Each looks first, then acts: what is done already is not done again, what a
 * killed attempt left half made is taken away, and what somebody else made is never touched. A deed is written down before it is done.
 */
import type pg from 'pg';
import { AssayError } from '../../../domain/errors.ts';
import { kindOf, type Recommendation, type RecommendedIndex, tableOfChange } from '../../../domain/optimizer/recommendation.ts';
import type { StepIo } from '../../io.ts';
import { literal } from '../../pg.ts';
import { equalIndex, findIndex, findStatistics, isTaken } from './catalogue.ts';
import type { LockWaits } from './locks.ts';
import { execute, patiently, runPatiently } from './locks.ts';
import type { ApplyStore, Deed } from './ports.ts';
import { actAsOwner } from './session.ts';
import { type ChangeStatement, changeStatements, dropIndexSql } from './statements.ts';

export interface Applying {
  readonly client: pg.Client;
  readonly store: ApplyStore;
  readonly recommendation: Recommendation;
  readonly place: number;
  readonly change: RecommendedIndex;
  readonly waits: LockWaits;
  readonly io: StepIo;
}

export type Outcome = 'built' | 'already-there';

/** Throws change-blocked, refused-by-guard, privilege-missing and PostgreSQL's own errors. */
export async function carryOut(applying: Applying): Promise<Outcome> {
  const { client, change } = applying;
  await actAsOwner(client, tableOfChange(change));
  let outcome: Outcome = 'built';
  for (const statement of changeStatements(change.sql)) {
    const done = await step(applying, statement);
    if (done === 'already-there') outcome = done;
    // an index that somebody else made serves as well: what would follow is theirs too
    if (done === 'already-there' && kindOf(change) === 'create-index') break;
  }
  return outcome;
}

async function step(applying: Applying, statement: ChangeStatement): Promise<Outcome> {
  switch (statement.kind) {
    case 'create-index':
      return patiently(applying, `CREATE INDEX ${statement.object}`, () => createIndex(applying, statement));
    case 'create-statistics':
      return createStatistics(applying, statement);
    case 'analyze':
      await runPatiently(applying, statement.text, 'short');
      return 'built';
    case 'attach':
    case 'drop-index':
    case 'reindex':
    case 'drop-statistics':
    case 'comment':
      throw refused(applying, `${statement.kind} is not carried out yet`);
  }
}

async function createIndex(applying: Applying, statement: ChangeStatement & { readonly kind: 'create-index' }): Promise<Outcome> {
  const { client, store } = applying;
  const deed = deedOf(applying, statement.object, 'create');
  const isOurs = await isKnown(applying, statement.object);
  const found = await findIndex(client, statement.name);
  if (found === null && (await isTaken(client, statement.name))) throw refused(applying, `${statement.object} is there, and is no index`);
  if (!isOurs) {
    const index = applying.change.index;
    const equal = index === null ? null : await equalIndex(client, index);
    if (equal !== null) return 'already-there';
    if (found !== null)
      throw refused(applying, `there is another index ${statement.object}${found.isValid ? '' : ', an INVALID one'}, which Assay did not make`);
  } else if (found !== null) {
    if (found.isValid || found.isWhole) return finished(applying, deed);
    await execute(applying, dropIndexSql(statement.name, true), 'long');
  }
  await store.begin(deed);
  await execute(applying, statement.text, statement.isConcurrent ? 'long' : 'short');
  return finished(applying, deed);
}

async function finished(applying: Applying, deed: Deed): Promise<Outcome> {
  await runPatiently(applying, `COMMENT ON INDEX ${deed.object} IS ${literal(`assay ${applying.recommendation.id}`)}`, 'short');
  await applying.store.end(deed);
  return 'built';
}

async function createStatistics(applying: Applying, statement: ChangeStatement & { readonly kind: 'create-statistics' }): Promise<Outcome> {
  const deed = deedOf(applying, statement.object, 'create');
  const found = await findStatistics(applying.client, statement.name);
  if (found !== null) return (await isKnown(applying, statement.object)) ? 'built' : 'already-there';
  await applying.store.begin(deed);
  await runPatiently(applying, statement.text, 'short');
  await applying.store.end(deed);
  return 'built';
}

export const isKnown = async ({ store, recommendation, place }: Applying, object: string): Promise<boolean> =>
  (await store.deeds(recommendation.id, place)).some((deed) => deed.object === object);

const deedOf = ({ recommendation, place }: Applying, object: string, deed: Deed['deed']): Deed => ({
  recommendation: recommendation.id,
  place,
  object,
  deed,
  foreign: [],
});

export const refused = ({ change }: Pick<Applying, 'change'>, reason: string): AssayError =>
  new AssayError('refused-by-guard', {
    what: `the change ${change.name}`,
    reason,
    hint: 'start `assay optimizer run` anew: it proposes what fits the source as it is',
  });
