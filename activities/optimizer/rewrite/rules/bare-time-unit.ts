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
import type { RewriteGround } from '../../../../domain/optimizer/rewrite.ts';
import type { Known } from '../known.ts';
import { and, call, cast, operation, text } from '../nodes.ts';
import { type Found, findColumn, type Source, sourcesOf } from '../sources.ts';
import { conjunctsOf, mapQueries } from '../walk.ts';
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
  const grounds: RewriteGround[] = [];
  const fixed = new Map<number, string>();
  let isZoned = false;
  const changed = mapQueries(query, (each) => {
    const conditions = conjunctsOf(each.whereClause);
    const taken = conditions.map((condition) => truncation(condition, sourcesOf(each, known), known));
    if (taken.every((one) => one === null)) return each;
    const ranges = conditions.flatMap((condition, place) => {
      const one = taken[place] ?? null;
      if (one === null) return [condition];
      const { found, unit, parameter } = one;
      grounds.push({ kind: 'type', table: found.table.table, column: found.column.name, type: found.column.type });
      if (parameter !== null) fixed.set(parameter, unit);
      isZoned ||= found.column.type === ZONED;
      return found.column.type === ZONED ? [...zonedRange(one), condition] : exactRange(one);
    });
    const whereClause = and(ranges);
    return whereClause === undefined ? each : { ...each, whereClause };
  });
  return grounds.length === 0 ? null : { query: changed, grounds, fixed, ...(isZoned ? { hangsOnTimeZone: true } : {}) };
}

/** As the catalogue names them. */
export const PLAIN = 'timestamp without time zone';
export const ZONED = 'timestamp with time zone';

interface Truncation {
  readonly found: Found;
  readonly at: Node;
  readonly unit: string;
  /** Number of the parameter that the unit is; null: it stands in the text. */
  readonly parameter: number | null;
  /** Of the column's own type. */
  readonly beginning: Node;
}

function truncation(node: Node, sources: readonly Source[], known: Known): Truncation | null {
  if (!('A_Expr' in node) || node.A_Expr.kind !== 'AEXPR_OP') return null;
  const { name = [], lexpr, rexpr } = node.A_Expr;
  const [only, ...schema] = name;
  if (schema.length > 0 || only === undefined || !('String' in only) || only.String.sval !== '=') return null;
  return truncated(lexpr, rexpr, { sources, known }) ?? truncated(rexpr, lexpr, { sources, known });
}

function truncated(
  called: Node | undefined,
  moment: Node | undefined,
  { sources, known }: { readonly sources: readonly Source[]; readonly known: Known },
): Truncation | null {
  if (called === undefined || moment === undefined || calledName(called) !== 'date_trunc' || !('FuncCall' in called)) return null;
  const [word, at, ...more] = called.FuncCall.args ?? [];
  const found = findColumn(at, sources);
  const unit = word === undefined ? null : unitOf(word, known);
  if (more.length > 0 || at === undefined || found === null || unit === null || LENGTHS[unit.word] === undefined) return null;
  const beginning = found.column.type === PLAIN || found.column.type === ZONED ? momentOf(moment, found.column.type, known) : null;
  return beginning === null ? null : { found, at, unit: unit.word, parameter: unit.parameter, beginning };
}

function unitOf(node: Node, { constants }: Known): { readonly word: string; readonly parameter: number | null } | null {
  const bare = 'TypeCast' in node && node.TypeCast.arg !== undefined ? node.TypeCast.arg : node;
  if ('A_Const' in bare) return bare.A_Const.sval?.sval === undefined ? null : { word: bare.A_Const.sval.sval, parameter: null };
  const number = 'ParamRef' in bare ? (bare.ParamRef.number ?? 0) : 0;
  const word = constants.get(number);
  return word === undefined ? null : { word, parameter: number };
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
  const next = operation(beginning, '+', interval(LENGTHS[unit] ?? ''));
  return [
    operation(at, '>=', beginning),
    operation(at, '<=', operation(next, '-', interval('1 microsecond'))),
    operation(call('date_trunc', text(unit), beginning), '=', beginning),
  ];
}

/** Of what comes beside the condition itself. */
function zonedRange({ at, unit, beginning }: Truncation): readonly Node[] {
  const next = operation(operation(beginning, '+', interval(LENGTHS[unit] ?? '')), '+', interval('1 day'));
  return [operation(at, '>=', operation(beginning, '-', interval('1 day'))), operation(at, '<=', next)];
}
