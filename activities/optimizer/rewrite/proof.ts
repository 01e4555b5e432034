/**
 * Do two texts give the same on the lab? Both run with each set of values in one transaction and one snapshot; the server hashes their rows, so that
 * neither they nor any value leave it. As text, as a client sees them: 1.0 and 1.00 are not the same. A hash that adds up over rows knows duplicates and,
 * where the place of a row goes into it, their order.
 */
import type pg from 'pg';
import type { Binding } from '../../../domain/optimizer/model.ts';
import { ident, literal } from '../../pg.ts';
import { faultOf, isServerError, reasonByCode } from '../../pg-errors.ts';
import type { Unit } from '../lab/execute.ts';
import { asRole } from '../run-as.ts';

export interface Texts {
  readonly before: string;
  readonly after: string;
  /** The order of the rows counts as well. */
  readonly isOrdered: boolean;
  /** What comes out hangs on the session's time zone. */
  readonly hangsOnTimeZone: boolean;
  /** Parameters that the other text takes for constants, and may not name any more. */
  readonly fixed?: ReadonlyMap<number, string>;
}

export interface Limits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Tried besides, where the statement as it is takes them; none once `untilMs` is over. */
  readonly more?: readonly Binding[];
  readonly untilMs?: number;
}

/** No text of a row is in it. */
export type Proven = { readonly kind: 'equal'; readonly bindings: number; readonly rows: number; readonly timeZones: readonly string[] } | NotProven;

export interface NotProven {
  readonly kind: 'not-proven';
  readonly because: string;
}

/** Where a midnight is skipped, where a day was, and where the clocks went back over midnight: what one zone hides another shows. */
export const TIME_ZONES = ['Africa/Cairo', 'Pacific/Apia', 'America/St_Johns'] as const;

/** Units of one statement, each with its own values. Nothing stays prepared. Throws where the lab is gone. */
export async function provenEqual(client: pg.Client, units: readonly Unit[], texts: Texts, limits: Limits): Promise<Proven> {
  const timeZones = texts.hangsOnTimeZone ? TIME_ZONES : [];
  try {
    const unlike = await unlikeShape(client, units, texts);
    if (unlike !== null) return notProven(unlike);
    return await hashed(client, units, texts, async (hash) => {
      let [rows, bindings] = [0, 0];
      const own = units.map(({ binding }) => binding);
      for (const binding of [...own, ...(limits.more ?? [])]) {
        const isExtra = bindings >= own.length;
        if (isExtra && Date.now() > (limits.untilMs ?? Number.POSITIVE_INFINITY)) break;
        const found = await inZones(client, binding, { zones: [null, ...timeZones], limits, hash });
        if ('because' in found && !(isExtra && found.isOfBefore)) return notProven(found.because);
        if ('because' in found) continue;
        rows += found.rows;
        bindings += 1;
      }
      // two empty answers say little of what the texts would give
      return rows === 0 ? notProven('no set of values gives a row') : { kind: 'equal', bindings, rows, timeZones };
    });
  } catch (error) {
    if (!isServerError(error)) throw error;
    return notProven(`the other text cannot be planned: ${reasonByCode(error)}`);
  }
}

interface Zones {
  readonly zones: readonly (string | null)[];
  readonly limits: Limits;
  readonly hash: Hash;
}

async function inZones(client: pg.Client, binding: Binding, { zones, limits, hash }: Zones): Promise<{ readonly rows: number } | Unlike> {
  let rows = 0;
  for (const timeZone of zones) {
    limits.signal.throwIfAborted();
    const found = await bothOf(client, { binding, timeZone, timeoutMs: limits.timeoutMs, hash });
    if ('because' in found) return found;
    rows += found.rows;
  }
  return { rows };
}

interface Unlike {
  readonly because: string;
  /** The statement as it is gave nothing to compare with. */
  readonly isOfBefore?: true;
}

const notProven = (because: string): NotProven => ({ kind: 'not-proven', because });

const BEFORE = 'assay_rewrite_before';
const AFTER = 'assay_rewrite_after';

type Hash = (side: 'before' | 'after', binding: Binding) => string;

async function hashed(client: pg.Client, [first]: readonly Unit[], { before, after, isOrdered }: Texts, use: (hash: Hash) => Promise<Proven>): Promise<Proven> {
  if (first === undefined) return notProven('no values to execute it with are known');
  const { parameterTypes } = first.bound;
  try {
    await prepare(client, BEFORE, hashText(before, isOrdered), parameterTypes);
    await prepare(client, AFTER, hashText(after, isOrdered), parameterTypes);
    return await use((side, { values }) => callOf(side === 'before' ? BEFORE : AFTER, values));
  } finally {
    for (const name of [BEFORE, AFTER]) await client.query(`deallocate ${name}`).catch(() => {});
  }
}

/** `row(q.*)` needs no name of a column, whatever they are called, and however often. */
function hashText(text: string, isOrdered: boolean): string {
  const place = isOrdered ? "row_number() over () || ' ' || " : '';
  return `select count(*)::text as rows, coalesce(sum(hashtextextended(one.line, 1)::numeric), 0)::text as first, coalesce(sum(hashtextextended(one.line, 2)::numeric), 0)::text as second
from (select ${place}row(assay_query.*)::text as line from (
${text}
) as assay_query) as one`;
}

/** By the extended protocol: it refuses a text that holds more than one statement. */
async function prepare(client: pg.Client, name: string, text: string, types: readonly string[]): Promise<void> {
  const declared = types.length === 0 ? '' : ` (${types.join(', ')})`;
  await client.query({ text: `prepare ${ident(name)}${declared} as ${text}`, queryMode: 'extended' } as pg.QueryConfig);
}

const callOf = (name: string, values: readonly (string | null)[]): string =>
  `execute ${name}${values.length === 0 ? '' : `(${values.map((value) => (value === null ? 'null' : literal(value))).join(', ')})`}`;

interface Sums {
  readonly rows: string;
  readonly first: string;
  readonly second: string;
}

interface Asked {
  readonly binding: Binding;
  /** null: the session's own. */
  readonly timeZone: string | null;
  readonly timeoutMs: number;
  readonly hash: Hash;
}

/** Both in one snapshot; whatever they do is rolled back. */
async function bothOf(client: pg.Client, { binding, timeZone, timeoutMs, hash }: Asked): Promise<{ readonly rows: number } | Unlike> {
  const zone = timeZone === null ? '' : `; set local timezone = ${literal(timeZone)}`;
  await client.query(`begin isolation level repeatable read read only; set local statement_timeout = ${Math.round(timeoutMs)}${zone}${asRole(binding)}`);
  try {
    const side = async (which: 'before' | 'after'): Promise<Sums | string> => {
      await client.query(`savepoint ${which}`);
      try {
        return (await client.query<Sums>(hash(which, binding))).rows[0] as Sums;
      } catch (error) {
        if (!isServerError(error)) throw error;
        await client.query(`rollback to ${which}`);
        return faultOf(error) === 'cancelled' ? 'it ran into the time limit' : reasonByCode(error);
      }
    };
    const before = await side('before');
    if (typeof before === 'string') return { isOfBefore: true, because: `nothing to compare with: the statement as it is gave no rows, ${before}` };
    const after = await side('after');
    if (typeof after === 'string') return { because: `the other text gave no rows, ${after}` };
    if (before.rows !== after.rows) return { because: `it gives ${after.rows} row(s) instead of ${before.rows}, with ${binding.case} values` };
    const isSame = before.first === after.first && before.second === after.second;
    return isSame ? { rows: Number(before.rows) } : { because: `it gives other rows, or another order, with ${binding.case} values` };
  } finally {
    await client.query('rollback');
  }
}

/** Names and types of what comes out, and the types of the parameters where nobody declares them. null: alike. */
async function unlikeShape(client: pg.Client, [first]: readonly Unit[], { before, after, fixed }: Texts): Promise<string | null> {
  if (first === undefined) return null;
  const [columns, others] = [await columnsOf(client, before, first), await columnsOf(client, after, first)];
  if (columns !== others) return 'its columns have other names or types';
  return (await hasOtherParameters(client, first, fixed === undefined ? { after } : { after, fixed })) ? 'its parameters would be of other types' : null;
}

/** Would PostgreSQL take a parameter of the other text for another type, where whoever sends it declares none? */
export async function hasOtherParameters(
  client: pg.Client,
  { bound: { parameterTypes } }: Unit,
  { after, fixed = new Map() }: Pick<Texts, 'after' | 'fixed'>,
): Promise<boolean> {
  const declared = fixed.size === 0 ? [] : parameterTypes.map((type, place) => (fixed.has(place + 1) ? type : 'unknown'));
  const inferred = await inferredTypes(client, after, declared);
  return inferred.some((type, place) => type !== parameterTypes[place]);
}

async function columnsOf(client: pg.Client, text: string, { bound, binding }: Unit): Promise<string> {
  await prepare(client, BEFORE, `select * from (\n${text}\n) as assay_query limit 0`, bound.parameterTypes);
  try {
    const { fields } = await client.query(callOf(BEFORE, binding.values));
    return JSON.stringify(fields.map(({ name, dataTypeID, dataTypeModifier }) => [name, dataTypeID, dataTypeModifier]));
  } finally {
    await client.query(`deallocate ${BEFORE}`);
  }
}

/** Those not declared (`unknown`) as the text itself says. */
async function inferredTypes(client: pg.Client, text: string, declared: readonly string[]): Promise<readonly string[]> {
  await prepare(client, AFTER, text, declared);
  const { rows } = await client.query<{ types: string[] }>(
    '/* assay optimizer */ select parameter_types::text[] as types from pg_prepared_statements where name = $1',
    [AFTER],
  );
  await client.query(`deallocate ${AFTER}`);
  return rows[0]?.types ?? [];
}
