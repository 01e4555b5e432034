/**
 * A condition on the day of a column, `at::date = $1` or `date(at) = $1`, as a range of the bare column, which an index on it can serve.
 *
 * Of a timestamp without time zone exactly: its values are whole microseconds (manual, 8.5 "Date/Time Types"), so the last of a day is 23:59:59.999999 after
 * its midnight, and of `infinity` both bounds are infinity. Null stays null on either side. A date so far away that no timestamp is (after 294276) is an
 * error where the text as it was found nothing.
 *
 * Of a timestamp with time zone the day hangs on the session's zone, and is no range where clocks go back over midnight: the condition stays as it is, and
 * only a wider range comes beside it, from a day before to two days after, which no zone's shift of up to a day leaves.
 */
import type { Node, SelectStmt } from 'libpg-query';
import type { RewriteGround } from '../../../../domain/optimizer/rewrite.ts';
import type { Known } from '../known.ts';
import { and, cast, integer, operation, text } from '../nodes.ts';
import { type Found, findColumn, type Source, sourcesOf } from '../sources.ts';
import { mapExpression, mapQueries, withoutNestedAnd } from '../walk.ts';
import { bareTimeShifts } from './bare-time-shift.ts';
import { bareTimeTexts } from './bare-time-text.ts';
import { bareTimeUnits } from './bare-time-unit.ts';
import { PLAIN, ZONED } from './column-range.ts';
import type { Rewritten, Rule } from './rule.ts';
import { calledName } from './sub-query.ts';

export const bareDateRange: Rule = {
  name: 'bare-date-range',
  reason: (plan) =>
    plan.some(({ expressions }) =>
      expressions.some(({ name, text: condition }) => name === 'Filter' && (COMPUTED.some((word) => condition.includes(word)) || SHIFTED.test(condition))),
    )
      ? 'a whole table is read, and the day or another unit of each row computed'
      : null,
  rewrite(query, known) {
    // each in turn; what one has made is of no other's form
    return [bareDays, bareTimeUnits, bareTimeTexts, bareTimeShifts].reduce<Rewritten | null>((before, each) => {
      const made = each(before?.query ?? query, known);
      return made === null || before === null ? (made ?? before) : both(before, made);
    }, null);
  },
};

/** As EXPLAIN writes them. */
const COMPUTED = ['::date', 'date(', 'date_trunc(', 'to_char(', 'EXTRACT(', 'date_part(', '::interval'];
const SHIFTED = /\(\w+ [+-] \d+\) [<>=]/;

const both = (before: Rewritten, after: Rewritten): Rewritten => ({
  query: after.query,
  grounds: [...before.grounds, ...after.grounds],
  fixed: new Map([...(before.fixed ?? []), ...(after.fixed ?? [])]),
  ...(before.hangsOnTimeZone || after.hangsOnTimeZone ? { hangsOnTimeZone: true as const } : {}),
});

/** null: nothing of the kind. */
function bareDays(query: SelectStmt, known: Known): Rewritten | null {
  const grounds: RewriteGround[] = [];
  let hangsOnTimeZone = false;
  const changed = mapQueries(query, (each) => {
    const sources = sourcesOf(each, known);
    const range = (node: Node): Node | null => {
      const condition = dayCondition(node, sources, known);
      if (condition === null) return null;
      const { found } = condition;
      const isZoned = found.column.type === ZONED;
      const bounded = isZoned ? zonedRange(node, condition) : exactRange(condition);
      if (bounded === null) return null;
      hangsOnTimeZone ||= isZoned;
      grounds.push({ kind: 'type', table: found.table.table, column: found.column.name, type: found.column.type });
      return bounded;
    };
    return each.whereClause === undefined ? each : { ...each, whereClause: withoutNestedAnd(mapExpression(each.whereClause, range)) };
  });
  return grounds.length === 0 ? null : { query: changed, grounds, ...(hangsOnTimeZone ? { hangsOnTimeZone } : {}) };
}

interface DayCondition {
  readonly found: Found;
  /** The bare column. */
  readonly at: Node;
  readonly operator: string;
  /** One day, or two of BETWEEN; each is a date. */
  readonly days: readonly Node[];
}

const TURNED: Readonly<Record<string, string>> = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

function dayCondition(node: Node, sources: readonly Source[], known: Known): DayCondition | null {
  if (!('A_Expr' in node)) return null;
  const { kind, name = [], lexpr, rexpr } = node.A_Expr;
  const [only, ...schema] = name;
  const operator = only !== undefined && schema.length === 0 && 'String' in only ? (only.String.sval ?? '') : '';
  if (kind === 'AEXPR_BETWEEN') {
    const items = rexpr !== undefined && 'List' in rexpr ? (rexpr.List.items ?? []) : [];
    return conditionOf(lexpr, { operator: 'BETWEEN', days: items }, { sources, known });
  }
  const turned = TURNED[operator];
  if (kind !== 'AEXPR_OP' || turned === undefined || lexpr === undefined || rexpr === undefined) return null;
  return conditionOf(lexpr, { operator, days: [rexpr] }, { sources, known }) ?? conditionOf(rexpr, { operator: turned, days: [lexpr] }, { sources, known });
}

function conditionOf(
  day: Node | undefined,
  { operator, days }: Pick<DayCondition, 'operator' | 'days'>,
  { sources, known }: { readonly sources: readonly Source[]; readonly known: Known },
): DayCondition | null {
  const at = day === undefined ? null : datedColumn(day, known);
  const found = at === null ? null : findColumn(at, sources);
  const dates = days.map((each) => dateOf(each, known));
  if (at === null || found === null || (found.column.type !== PLAIN && found.column.type !== ZONED)) return null;
  const isDated = dates.every((each) => each !== null);
  return isDated ? { found, at, operator, days: dates } : null;
}

/** What `x::date` and `date(x)` are of. */
function datedColumn(node: Node, known: Known): Node | null {
  if ('TypeCast' in node) return isDate(node) ? (node.TypeCast.arg ?? null) : null;
  const [arg, ...more] = 'FuncCall' in node && calledName(node) === 'date' && !known.ownFunctions.has('date') ? (node.FuncCall.args ?? []) : [];
  return more.length === 0 ? (arg ?? null) : null;
}

const isDate = ({ TypeCast: { typeName } }: Extract<Node, { TypeCast: unknown }>): boolean => {
  const names = (typeName?.names ?? []).map((each) => ('String' in each ? each.String.sval : ''));
  return names.at(-1) === 'date' && names.length === 1 && typeName?.arrayBounds === undefined;
};

/** Something that is a date and hangs on no row; null: it is of another type, or nobody can tell. */
function dateOf(node: Node, known: Known): Node | null {
  if ('TypeCast' in node) {
    const { arg } = node.TypeCast;
    const isFixed = arg !== undefined && ('ParamRef' in arg || 'A_Const' in arg);
    return isDate(node) && isFixed ? node : null;
  }
  if ('ParamRef' in node) return known.parameterTypes[(node.ParamRef.number ?? 0) - 1] === 'date' ? cast(node, 'date') : null;
  if ('A_Const' in node) return node.A_Const.sval === undefined ? null : cast(node, 'date');
  return 'SQLValueFunction' in node && node.SQLValueFunction.op === 'SVFOP_CURRENT_DATE' ? node : null;
}

/** The last microsecond of a day: of infinity it is infinity. */
const endOf = (day: Node): Node => operation(day, '+', cast(text('23:59:59.999999'), 'pg_catalog', 'interval'));

function exactRange({ at, operator, days }: DayCondition): Node | null {
  const [from, to = from] = days;
  if (from === undefined || to === undefined) return null;
  switch (operator) {
    case '=':
    case 'BETWEEN':
      return and([operation(at, '>=', from), operation(at, '<=', endOf(to))]) ?? null;
    case '<':
    case '>=':
      return operation(at, operator, from);
    case '<=':
    case '>':
      return operation(at, operator, endOf(from));
    default:
      return null;
  }
}

/** Beside the condition itself. */
function zonedRange(node: Node, { at, operator, days }: DayCondition): Node | null {
  const [from, to = from] = days;
  if (from === undefined || to === undefined || (operator !== '=' && operator !== 'BETWEEN')) return null;
  return and([operation(at, '>=', operation(from, '-', integer(1))), operation(at, '<=', operation(to, '+', integer(2))), node]) ?? null;
}
