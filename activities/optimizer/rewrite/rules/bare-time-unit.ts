/**
 * `date_trunc('month', at) = $1` as a range of the bare column, from $1 to the last microsecond of that unit.
 *
 * Of a timestamp without time zone: date_trunc gives the beginning of the unit (manual, 9.9.2 "date_trunc"), so it is $1 for the moments from $1 up to the
 * next beginning, and for none where $1 is no beginning; what is asked of $1 alone comes beside the range. Infinity stays itself. That is false where the
 * text as it was is null, of a column that is null: only a condition that has to be true for a row to come out is taken.
 * Of a timestamp with time zone, whose units hang on the session's zone, the condition stays beside a range that is wider by a day on both sides.
 * The unit must be known: it stands in the text, or every captured call has the same.
 */
import type { Node, SelectStmt } from 'libpg-query';
import type { Known } from '../known.ts';
import { call, cast, operation, text } from '../nodes.ts';
import { type Found, findColumn, type Source } from '../sources.ts';
import { equalSides, type KnownWord, knownWord, PLAIN, withColumnRanges, ZONED } from './column-range.ts';
import type { Rewritten } from './rule.ts';
import { calledName } from './sub-query.ts';

const LENGTHS: Readonly<Record<string, string>> = {
  second: '1 second',
  minute: '1 minute',
  hour: '1 hour',
  day: '1 day',
  week: '7 days',
  month: '1 month',
  quarter: '3 months',
  year: '1 year',
};

/** null: nothing of the kind. */
export function bareTimeUnits(query: SelectStmt, known: Known): Rewritten | null {
  if (known.ownFunctions.has('date_trunc')) return null;
  return withColumnRanges(query, known, (condition, sources) => {
    const one = truncation(condition, sources, known);
    if (one === null) return null;
    const hangsOnZone = one.found.column.type === ZONED;
    return { found: one.found, conditions: hangsOnZone ? [...zonedRange(one), condition] : exactRange(one), hangsOnZone, word: one.unit };
  });
}

interface Truncation {
  readonly found: Found;
  readonly at: Node;
  readonly unit: KnownWord;
  /** Of the column's own type. */
  readonly beginning: Node;
}

function truncation(node: Node, sources: readonly Source[], known: Known): Truncation | null {
  const sides = equalSides(node);
  if (sides === null) return null;
  const [left, right] = sides;
  return truncated(left, right, { sources, known }) ?? truncated(right, left, { sources, known });
}

function truncated(
  called: Node | undefined,
  moment: Node | undefined,
  { sources, known }: { readonly sources: readonly Source[]; readonly known: Known },
): Truncation | null {
  if (called === undefined || moment === undefined || calledName(called) !== 'date_trunc' || !('FuncCall' in called)) return null;
  const [word, at, ...more] = called.FuncCall.args ?? [];
  const found = findColumn(at, sources);
  const unit = word === undefined ? null : knownWord(word, known);
  if (more.length > 0 || at === undefined || found === null || unit === null || LENGTHS[unit.word] === undefined) return null;
  const beginning = found.column.type === PLAIN || found.column.type === ZONED ? momentOf(moment, found.column.type, known) : null;
  return beginning === null ? null : { found, at, unit, beginning };
}

/** Something of that type that hangs on no row. */
function momentOf(node: Node, type: string, known: Known): Node | null {
  const words = type === PLAIN ? ['pg_catalog', 'timestamp'] : ['pg_catalog', 'timestamptz'];
  if ('ParamRef' in node) return known.parameterTypes[(node.ParamRef.number ?? 0) - 1] === type ? cast(node, ...words) : null;
  if ('A_Const' in node) return node.A_Const.sval === undefined ? null : cast(node, ...words);
  if (!('TypeCast' in node) || node.TypeCast.arg === undefined) return null;
  const names = (node.TypeCast.typeName?.names ?? []).map((each) => ('String' in each ? each.String.sval : '')).at(-1);
  const isFixed = 'ParamRef' in node.TypeCast.arg || 'A_Const' in node.TypeCast.arg;
  return isFixed && names === words.at(-1) && node.TypeCast.typeName?.typmods === undefined ? node : null;
}

const interval = (length: string): Node => cast(text(length), 'pg_catalog', 'interval');

function exactRange({ at, unit, beginning }: Truncation): readonly Node[] {
  const next = operation(beginning, '+', interval(LENGTHS[unit.word] ?? ''));
  return [
    operation(at, '>=', beginning),
    operation(at, '<=', operation(next, '-', interval('1 microsecond'))),
    operation(call('date_trunc', text(unit.word), beginning), '=', beginning),
  ];
}

/** Of what comes beside the condition itself. */
function zonedRange({ at, unit, beginning }: Truncation): readonly Node[] {
  const next = operation(operation(beginning, '+', interval(LENGTHS[unit.word] ?? '')), '+', interval('1 day'));
  return [operation(at, '>=', operation(beginning, '-', interval('1 day'))), operation(at, '<=', next)];
}
