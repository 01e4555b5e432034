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
import { type Limits, type NotProven, type Proven, TIME_ZONES } from './proof.ts';

export interface Writes {
  readonly before: WriteTexts;
  readonly after: WriteTexts;
  readonly hangsOnTimeZone: boolean;
}

const NAMES = {
  chosenBefore: 'assay_chosen_before',
  chosenAfter: 'assay_chosen_after',
  changedBefore: 'assay_changed_before',
  changedAfter: 'assay_changed_after',
};

const notProven = (because: string): NotProven => ({ kind: 'not-proven', because });

/** Units of one statement, each with its own values. Nothing stays prepared, or changed. Throws where the lab is gone. */
export async function provenSameWrites(client: pg.Client, units: readonly Unit[], { before, after, hangsOnTimeZone }: Writes, limits: Limits): Promise<Proven> {
  const [first] = units;
  if (first === undefined) return notProven('no values to execute it with are known');
  const { parameterTypes } = first.bound;
  const timeZones = hangsOnTimeZone ? TIME_ZONES : [];
  try {
    await prepare(client, NAMES.chosenBefore, chosenHash(before.chosen), parameterTypes);
    await prepare(client, NAMES.chosenAfter, chosenHash(after.chosen), parameterTypes);
    await prepare(client, NAMES.changedBefore, changedHash(before.changed), parameterTypes);
    await prepare(client, NAMES.changedAfter, changedHash(after.changed), parameterTypes);
    const own = units.map(({ binding }) => binding);
    let [rows, bindings] = [0, 0];
    for (const binding of [...own, ...(limits.more ?? [])]) {
      if (bindings >= own.length && Date.now() > (limits.untilMs ?? Number.POSITIVE_INFINITY)) break;
      for (const zone of [null, ...timeZones]) {
        limits.signal.throwIfAborted();
        const found = await compared(client, binding, { zone, timeoutMs: limits.timeoutMs });
        if (typeof found === 'string') return notProven(found);
        rows += found;
      }
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

const chosenHash = (text: string): string => `select ${SUMS} from (\n${text}\n) as assay_row`;
const changedHash = (text: string): string => `with assay_row as (\n${text}\n) select ${SUMS} from assay_row`;

async function prepare(client: pg.Client, name: string, text: string, types: readonly string[]): Promise<void> {
  const declared = types.length === 0 ? '' : ` (${types.join(', ')})`;
  await client.query({ text: `prepare ${ident(name)}${declared} as ${text}`, queryMode: 'extended' } as pg.QueryConfig);
}

interface Asked {
  /** null: the session's own. */
  readonly zone: string | null;
  readonly timeoutMs: number;
}

/** How many rows both change; a sentence where they do not change the same. */
async function compared(client: pg.Client, binding: Binding, { zone, timeoutMs }: Asked): Promise<number | string> {
  const { values } = binding;
  const given = values.length === 0 ? '' : `(${values.map((value) => (value === null ? 'null' : literal(value))).join(', ')})`;
  const zoned = zone === null ? '' : `; set local timezone = ${literal(zone)}`;
  await client.query(`begin isolation level repeatable read; set local statement_timeout = ${Math.round(timeoutMs)}${zoned}${asRole(binding)}`);
  try {
    const sums = async (name: string): Promise<string> => {
      await client.query('savepoint assay_one');
      const { rows } = await client.query<{ sums: string }>(`execute ${name}${given}`);
      await client.query('rollback to assay_one');
      return rows[0]?.sums ?? '';
    };
    const chosen = [await sums(NAMES.chosenBefore), await sums(NAMES.chosenAfter)];
    if (chosen[0] !== chosen[1]) return `it would change other rows, with ${binding.case} values`;
    const changed = [await sums(NAMES.changedBefore), await sums(NAMES.changedAfter)];
    const count = (text: string | undefined) => text?.split(' ')[0];
    if (changed[0] !== changed[1] || count(changed[0]) !== count(chosen[0])) return `it changes rows to other values, with ${binding.case} values`;
    return Number(count(changed[0]));
  } catch (error) {
    if (!isServerError(error)) throw error;
    const why = faultOf(error) === 'cancelled' ? 'it ran into the time limit' : reasonByCode(error);
    return `one of both changed nothing, ${why}`;
  } finally {
    await client.query('rollback');
  }
}
