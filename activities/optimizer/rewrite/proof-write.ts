/**
 * Do two statements that write change the same rows to the same values on the lab? For each set of values, in one transaction and one snapshot that are rolled back: the
 * rows that each condition chooses, by their place in the table; then each statement itself, between savepoints, with every row as it leaves it. All hashed on the
 * server. Neither triggers nor foreign keys fire there.
 */
import type pg from 'pg';
import type { Binding } from '../../../domain/optimizer/model.ts';
import { ident, literal } from '../../pg.ts';
import { faultOf, isServerError, reasonByCode } from '../../pg-errors.ts';
import type { Unit } from '../lab/execute.ts';
import { asRole } from '../run-as.ts';
import type { WriteTexts } from './applied.ts';
import { hasOtherParameters, type Limits, type NotProven, type Proven, type Texts, TIME_ZONES } from './proof.ts';

export interface Writes {
  readonly before: WriteTexts;
  readonly after: WriteTexts;
  readonly hangsOnTimeZone: boolean;
  /** The order of the rows counts as well. Default false. */
  readonly isOrdered?: boolean;
  /** The other text as the application would send it: the types of its parameters must be those of the statement. Left out: they are not looked at. */
  readonly sent?: Pick<Texts, 'after' | 'fixed'>;
}

const NAMES = {
  chosenBefore: 'assay_chosen_before',
  chosenAfter: 'assay_chosen_after',
  changedBefore: 'assay_changed_before',
  changedAfter: 'assay_changed_after',
};

const notProven = (because: string): NotProven => ({ kind: 'not-proven', because });

/** Units of one statement, each with its own values. Nothing stays prepared, or changed. Throws where the lab is gone. */
export async function provenSameWrites(client: pg.Client, units: readonly Unit[], writes: Writes, limits: Limits): Promise<Proven> {
  const { before, after, hangsOnTimeZone, isOrdered = false, sent } = writes;
  const [first] = units;
  if (first === undefined) return notProven('no values to execute it with are known');
  const { parameterTypes } = first.bound;
  const timeZones = hangsOnTimeZone ? TIME_ZONES : [];
  try {
    if (sent !== undefined && (await hasOtherParameters(client, first, sent))) return notProven('its parameters would be of other types');
    await prepare(client, NAMES.chosenBefore, chosenHash(before.chosen, isOrdered), parameterTypes);
    await prepare(client, NAMES.chosenAfter, chosenHash(after.chosen, isOrdered), parameterTypes);
    await prepare(client, NAMES.changedBefore, changedHash(before.changed, isOrdered), parameterTypes);
    await prepare(client, NAMES.changedAfter, changedHash(after.changed, isOrdered), parameterTypes);
    const own = units.map(({ binding }) => binding);
    let [rows, bindings] = [0, 0];
    for (const binding of [...own, ...(limits.more ?? [])]) {
      const isExtra = bindings >= own.length;
      if (isExtra && Date.now() > (limits.untilMs ?? Number.POSITIVE_INFINITY)) break;
      const found = await inZones(client, binding, { zones: [null, ...timeZones], limits });
      // values that the statement as it is does not take say nothing, unless they are those it is measured with
      if (typeof found !== 'number' && !(isExtra && found.isOfBefore)) return notProven(found.because);
      if (typeof found !== 'number') continue;
      rows += found;
      bindings += 1;
    }
    return rows === 0 ? notProven('no set of values changes a row') : { kind: 'equal', bindings, rows, timeZones };
  } catch (error) {
    if (!isServerError(error)) throw error;
    return notProven(`the other text cannot be planned: ${reasonByCode(error)}`);
  } finally {
    for (const name of Object.values(NAMES)) await client.query(`deallocate ${name}`).catch(() => {});
  }
}

const SUMS = `count(*)::text || ' ' || coalesce(sum(hashtextextended(row(assay_row.*)::text, 1)::numeric), 0)::text || ' ' || coalesce(sum(hashtextextended(row(assay_row.*)::text, 2)::numeric), 0)::text as sums`;

const PLACED = '(select row_number() over () as assay_place, assay_one.* from assay_one) as assay_row';

const hashWith = (head: string, isOrdered: boolean): string => `${head} select ${SUMS} from ${isOrdered ? PLACED : 'assay_one as assay_row'}`;
/** What is written is not the other text's own: PostgreSQL plans it as it likes. */
const chosenHash = (text: string, isOrdered: boolean): string => hashWith(`with assay_one as not materialized (\n${text}\n)`, isOrdered);
const changedHash = (text: string, isOrdered: boolean): string => hashWith(`with assay_one as (\n${text}\n)`, isOrdered);

async function prepare(client: pg.Client, name: string, text: string, types: readonly string[]): Promise<void> {
  const declared = types.length === 0 ? '' : ` (${types.join(', ')})`;
  await client.query({ text: `prepare ${ident(name)}${declared} as ${text}`, queryMode: 'extended' } as pg.QueryConfig);
}

interface Asked {
  /** null: the session's own. */
  readonly zone: string | null;
  readonly timeoutMs: number;
}

interface Unlike {
  readonly because: string;
  /** The statement as it is changed nothing to compare with. */
  readonly isOfBefore?: true;
}

async function inZones(
  client: pg.Client,
  binding: Binding,
  { zones, limits }: { zones: readonly (string | null)[]; limits: Limits },
): Promise<number | Unlike> {
  let rows = 0;
  for (const zone of zones) {
    limits.signal.throwIfAborted();
    const found = await compared(client, binding, { zone, timeoutMs: limits.timeoutMs });
    if (typeof found !== 'number') return found;
    rows += found;
  }
  return rows;
}

/** How many rows both change; why, where they do not change the same. */
async function compared(client: pg.Client, binding: Binding, { zone, timeoutMs }: Asked): Promise<number | Unlike> {
  const { values } = binding;
  const given = values.length === 0 ? '' : `(${values.map((value) => (value === null ? 'null' : literal(value))).join(', ')})`;
  const zoned = zone === null ? '' : `; set local timezone = ${literal(zone)}`;
  await client.query(`begin isolation level repeatable read; set local statement_timeout = ${Math.round(timeoutMs)}${zoned}${asRole(binding)}`);
  let isOfBefore = true;
  try {
    const sums = async (name: string): Promise<string> => {
      await client.query('savepoint assay_one');
      const { rows } = await client.query<{ sums: string }>(`execute ${name}${given}`);
      await client.query('rollback to assay_one');
      return rows[0]?.sums ?? '';
    };
    const before = { chosen: await sums(NAMES.chosenBefore), changed: await sums(NAMES.changedBefore) };
    isOfBefore = false;
    if (before.chosen !== (await sums(NAMES.chosenAfter))) return { because: `it would change other rows, with ${binding.case} values` };
    const count = (text: string) => text.split(' ')[0];
    const isSame = before.changed === (await sums(NAMES.changedAfter)) && count(before.changed) === count(before.chosen);
    return isSame ? Number(count(before.changed)) : { because: `it changes rows to other values, with ${binding.case} values` };
  } catch (error) {
    if (!isServerError(error)) throw error;
    const why = faultOf(error) === 'cancelled' ? 'it ran into the time limit' : reasonByCode(error);
    if (isOfBefore) return { isOfBefore, because: `nothing to compare with: the statement as it is changed nothing, ${why}` };
    return { because: `the other text changed nothing, ${why}` };
  } finally {
    await client.query('rollback');
  }
}
