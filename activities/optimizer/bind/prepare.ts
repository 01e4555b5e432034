/** From a text of pg_stat_statements to one that PREPARE takes: tried on the lab, mended where the server's answer says what is wrong, tried again. */
import type pg from 'pg';
import { isServerError, scrubbedReason } from '../../pg-errors.ts';
import { acceptable } from './acceptable.ts';
import { castText, type Draft, draftOf } from './draft.ts';
import { regrouped } from './grouping.ts';
import { qualifiedAt } from './names.ts';
import { parametersAt, typeGuesses } from './type-guesses.ts';
import { variableAt } from './variables.ts';

/** A statement that PREPARE takes, with the types the server gives its parameters. */
export interface Prepared {
  readonly draft: Draft;
  /** With the casts that its parameters need. */
  readonly text: string;
  readonly types: readonly string[];
}

export interface Refused {
  readonly reason: 'no-plan' | 'object-gone';
  /** The server's answer to the statement as it stood at last, without values. */
  readonly detail: string;
}

export const isRefused = (result: Prepared | Refused): result is Refused => 'detail' in result;

/** Name of the prepared statement while one is tried. */
export const preparedName = 'assay_bind';

const MAX_ROUNDS = 16;
const MAX_TRIES = 300;

export interface Wish {
  readonly text: string;
  /** What is known of its parameters beforehand. */
  readonly types: ReadonlyMap<number, string>;
  /** Unknown names are variables of a function. */
  readonly isNested: boolean;
}

/** Tries and mends one statement; leaves nothing prepared. Session as by `bindStatements`. */
export async function makePreparable(client: pg.Client, { text, types, isNested }: Wish): Promise<Prepared | Refused> {
  const attempts = { left: MAX_TRIES };
  let draft = acceptable(draftOf(text, types));
  let answer = await attempt(client, draft, attempts);
  for (let round = 0; round < MAX_ROUNDS && answer.kind === 'refused'; round++) {
    const next = await mended(client, { draft, refusal: answer, attempts, isNested });
    if (next === null) return refused(answer);
    ({ draft, answer } = next);
  }
  if (answer.kind === 'refused') return refused(answer);
  return { draft, text: castText(draft), types: answer.types };
}

/** Undefined table, column, schema, object. */
const gone = new Set(['42P01', '42703', '3F000', '42704']);

const refused = ({ code, reason }: Refusal): Refused => ({ reason: gone.has(code) ? 'object-gone' : 'no-plan', detail: reason });

interface Refusal {
  readonly kind: 'refused';
  readonly code: string;
  readonly message: string;
  /** Byte offset in the draft's text; null unknown. */
  readonly offset: number | null;
  readonly reason: string;
}

type Answer = { readonly kind: 'taken'; readonly types: readonly string[] } | Refusal;

interface State {
  readonly draft: Draft;
  readonly refusal: Refusal;
  readonly attempts: { left: number };
  readonly isNested: boolean;
}

interface Tried {
  readonly draft: Draft;
  readonly answer: Answer;
}

/** The first change that is taken, else the first after which the server complains of something further on, else of something else. */
async function mended(client: pg.Client, state: State): Promise<Tried | null> {
  const { draft, refusal, attempts } = state;
  let other: Tried | null = null;
  for (const group of await candidates(client, state)) {
    let further: Tried | null = null;
    for (const candidate of group) {
      if (attempts.left <= 0) return further ?? other;
      const tried = { draft: candidate, answer: await attempt(client, candidate, attempts) };
      if (tried.answer.kind === 'taken') return tried;
      const { offset, message } = tried.answer;
      const isOther = candidate.text !== draft.text || message !== refusal.message || offset !== refusal.offset;
      // parameters that nothing types are complained of last, one by one and without a place
      const isOnward = refusal.offset === null ? isOther : (offset ?? Number.POSITIVE_INFINITY) > refusal.offset;
      const isFurther = isOnward && !blames(candidate, offset, draft);
      if (isFurther) further ??= tried;
      else if (isOther) other ??= tried;
    }
    // what the place itself names comes before what is looser
    if (further !== null) return further;
  }
  return other;
}

/** Whether the server now complains of a parameter that was only just declared: a wrong guess. */
const blames = (candidate: Draft, offset: number | null, before: Draft) =>
  candidate.text === before.text && parametersAt(candidate, offset).some((number) => candidate.types.has(number) && !before.types.has(number));

async function candidates(client: pg.Client, { draft, refusal, isNested }: State): Promise<readonly (readonly Draft[])[]> {
  const { code, message, offset } = refusal;
  // undefined column; "missing FROM-clause entry" of a record's field
  const variable = isNested && offset !== null && (code === '42703' || code === '42P01') ? variableAt(draft, offset) : null;
  if (variable !== null) return [[variable]];
  const isMissing = ['42P01', '42704', '42883', '3F000'].includes(code);
  const named = isMissing && offset !== null ? await qualifiedAt(client, draft, offset) : null;
  if (named !== null) return [[named]];
  // "must appear in the GROUP BY clause", "must appear in select list"
  if (code === '42803' || code === '42P10') return [[regrouped(draft)].filter((other) => other.text !== draft.text)];
  // undetermined, ambiguous, undefined operator or function, mismatch, cannot coerce, inconsistent parameter, bad literal
  const isUndetermined = code === '42P18' || message.startsWith('failed to find conversion function from unknown');
  if (isUndetermined || ['42725', '42883', '42804', '42846', '42P08', '22P02', '42809'].includes(code)) {
    return typeGuesses(draft, { offset, message, isUndetermined });
  }
  return [];
}

async function attempt(client: pg.Client, draft: Draft, attempts: { left: number }): Promise<Answer> {
  attempts.left--;
  const count = draft.origins.length;
  const list = Array.from({ length: count }, (_, index) => draft.types.get(index + 1) ?? 'unknown');
  const head = `PREPARE ${preparedName}${count === 0 ? '' : `(${list.join(', ')})`} AS `;
  try {
    // the extended protocol takes one command only, whatever the text holds
    await client.query({ text: head + draft.text, queryMode: 'extended' } as pg.QueryConfig);
  } catch (error) {
    if (!isServerError(error)) throw error;
    return refusalOf(error, { head, text: draft.text });
  }
  const { rows } = await client.query<{ types: string[] }>(typesSql, [preparedName]);
  await client.query(`DEALLOCATE ${preparedName}`);
  return { kind: 'taken', types: rows[0]?.types ?? [] };
}

function refusalOf(error: unknown, { head, text }: { head: string; text: string }): Refusal {
  const { code = '', message = '', position } = error as { code?: string; message?: string; position?: string };
  const place = position === undefined ? -1 : Number(position) - 1 - [...head].length;
  // PostgreSQL counts characters, the parse tree bytes
  const offset = place < 0 ? null : Buffer.byteLength([...text].slice(0, place).join(''));
  return { kind: 'refused', code, message, offset, reason: scrubbedReason(error) };
}

const typesSql = `/* assay optimizer */ select parameter_types::text[] as types from pg_prepared_statements where name = $1`;
