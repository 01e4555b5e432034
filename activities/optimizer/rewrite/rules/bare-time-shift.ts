/**
 * `at + $1 > now()` beside `at >= now() - $1 - 10 days`: the column stands alone, and an index on it can serve the range.
 *
 * The condition stays as it is, so the range must only leave out no row of it. Adding an interval keeps the order of moments (manual, 9.9 "Date/Time Functions and
 * Operators": months first, then days, then hours), but taking it away again need not give the moment back: months have 28 to 31 days, a day of a
 * timestamp with time zone 23 to 25 hours and more where a zone moved. Months from two beginnings differ by at most three days, by one more where centuries
 * are passed, a zone's day by one: ten days hold all of it. A date shifted by whole days needs none of that. Beside a condition that is null a range
 * changes nothing where the condition has to be true for a row to come out: only such are taken. What is compared must be of the column's own type, and steady.
 */
import type { Node, SelectStmt } from 'libpg-query';
import type { Known } from '../known.ts';
import { cast } from '../nodes.ts';
import { type Found, findColumn, type Source } from '../sources.ts';
import { conjunctsOf } from '../walk.ts';
import { PLAIN, withColumnRanges, ZONED } from './column-range.ts';
import type { Rewritten } from './rule.ts';
import { calledName } from './sub-query.ts';
import { written } from './template.ts';

/** null: nothing of the kind. */
export const bareTimeShifts = (query: SelectStmt, known: Known): Rewritten | null =>
  withColumnRanges(query, known, (condition, sources) => {
    const shifted = shiftOf(condition, sources, known);
    if (shifted === null) return null;
    const { found } = shifted;
    return { found, conditions: [...conjunctsOf(rangeOf(shifted)), condition], hangsOnZone: found.column.type === ZONED };
  });

interface Shift {
  readonly found: Found;
  readonly at: Node;
  readonly sign: '+' | '-';
  readonly by: Node;
  readonly operator: string;
  readonly moment: Node;
}

const TURNED: Readonly<Record<string, string>> = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

interface Site {
  readonly sources: readonly Source[];
  readonly known: Known;
}

function shiftOf(node: Node, sources: readonly Source[], known: Known): Shift | null {
  const operator = operatorOf(node);
  const turned = TURNED[operator ?? ''];
  if (operator === null || turned === undefined || !('A_Expr' in node)) return null;
  const { lexpr, rexpr } = node.A_Expr;
  return oneSide([lexpr, rexpr], operator, { sources, known }) ?? oneSide([rexpr, lexpr], turned, { sources, known });
}

function oneSide([sum, value]: readonly [Node | undefined, Node | undefined], operator: string, site: Site): Shift | null {
  const sign = sum === undefined ? null : operatorOf(sum);
  if (sum === undefined || value === undefined || !('A_Expr' in sum) || (sign !== '+' && sign !== '-')) return null;
  const { lexpr, rexpr } = sum.A_Expr;
  const sides = [[lexpr, rexpr] as const, ...(sign === '+' ? [[rexpr, lexpr] as const] : [])];
  for (const [at, shift] of sides) {
    const found = findColumn(at, site.sources);
    if (at === undefined || shift === undefined || found === null) continue;
    const { type } = found.column;
    const by = type === 'date' ? daysOf(shift, site.known) : intervalOf(shift, site.known);
    const moment = momentOf(value, type, site.known);
    if (by !== null && moment !== null) return { found, at, sign, by, operator, moment };
  }
  return null;
}

function operatorOf(node: Node): string | null {
  if (!('A_Expr' in node) || node.A_Expr.kind !== 'AEXPR_OP') return null;
  const [only, ...schema] = node.A_Expr.name ?? [];
  return schema.length === 0 && only !== undefined && 'String' in only ? (only.String.sval ?? null) : null;
}

const typeOf = (node: Node, { parameterTypes }: Known): string | undefined =>
  'ParamRef' in node ? parameterTypes[(node.ParamRef.number ?? 0) - 1] : undefined;

/** `$1` or `'7 days'`, whole: an interval cut to a field or a precision is another one, but it is the same on both sides. */
function intervalOf(node: Node, known: Known): Node | null {
  if (typeOf(node, known) === 'interval') return cast(node, 'pg_catalog', 'interval');
  if (!('TypeCast' in node) || node.TypeCast.arg === undefined) return null;
  const isFixed = 'ParamRef' in node.TypeCast.arg || 'A_Const' in node.TypeCast.arg;
  return isFixed && nameOf(node.TypeCast.typeName?.names) === 'interval' ? node : null;
}

const daysOf = (node: Node, known: Known): Node | null =>
  typeOf(node, known) === 'integer' ? cast(node, 'pg_catalog', 'int4') : 'A_Const' in node && node.A_Const.ival !== undefined ? node : null;

const nameOf = (names: readonly Node[] = []): string => names.map((each) => ('String' in each ? (each.String.sval ?? '') : '')).at(-1) ?? '';

const WORDS: Readonly<Record<string, readonly string[]>> = {
  [PLAIN]: ['pg_catalog', 'timestamp'],
  [ZONED]: ['pg_catalog', 'timestamptz'],
  date: ['date'],
};
const NOW: Readonly<Record<string, readonly string[]>> = {
  [PLAIN]: ['SVFOP_LOCALTIMESTAMP'],
  [ZONED]: ['SVFOP_CURRENT_TIMESTAMP'],
  date: ['SVFOP_CURRENT_DATE'],
};

/** Something of that type that hangs on no row; null: of another type, or nobody can tell. */
function momentOf(node: Node, type: string, known: Known): Node | null {
  const words = WORDS[type];
  if (words === undefined) return null;
  if (typeOf(node, known) === type) return cast(node, ...words);
  if ('A_Const' in node) return node.A_Const.sval === undefined ? null : cast(node, ...words);
  if ('SQLValueFunction' in node) return (NOW[type] ?? []).includes(node.SQLValueFunction.op ?? '') ? node : null;
  if ('FuncCall' in node) {
    const isNow = calledName(node) === 'now' && (node.FuncCall.args ?? []).length === 0 && !known.ownFunctions.has('now');
    return isNow && type === ZONED ? node : null;
  }
  if ('TypeCast' in node) {
    const { arg, typeName } = node.TypeCast;
    const isFixed = arg !== undefined && ('ParamRef' in arg || 'A_Const' in arg);
    return isFixed && nameOf(typeName?.names) === words.at(-1) && typeName?.typmods === undefined ? node : null;
  }
  return shiftedMoment(node, type, known);
}

/** `now() - $2`. */
function shiftedMoment(node: Node, type: string, known: Known): Node | null {
  const sign = operatorOf(node);
  if (!('A_Expr' in node) || node.A_Expr.lexpr === undefined || node.A_Expr.rexpr === undefined || (sign !== '+' && sign !== '-')) return null;
  const moment = momentOf(node.A_Expr.lexpr, type, known);
  const by = type === 'date' ? daysOf(node.A_Expr.rexpr, known) : intervalOf(node.A_Expr.rexpr, known);
  return moment === null || by === null ? null : written(`moment ${sign} shift`, { moment, shift: by });
}

/**
 * A shift so far that the moment taken back would be none, `interval '9999 years'` as what never ends, leaves no row out: then the bound is at the end of all moments.
 * Of others both ends are moments.
 */
const NEAR = `shift between interval '-4000 years' and interval '4000 years' and asked between '0001-01-01' and '200000-01-01'`;
const NEAR_DAYS = `shift between -1000000 and 1000000 and asked between '0001-01-01' and '200000-01-01'`;

function rangeOf({ found, at, sign, by, operator, moment }: Shift): Node {
  const isDate = found.column.type === 'date';
  const bound = (to: '+' | '-') => {
    const back = `asked ${sign === '+' ? '-' : '+'} shift${isDate ? '' : ` ${to} interval '10 days'`}`;
    return `case when ${isDate ? NEAR_DAYS : NEAR} then ${back} else '${to === '-' ? '-' : ''}infinity' end`;
  };
  const [low, high] = [`moment >= ${bound('-')}`, `moment <= ${bound('+')}`];
  const text = operator === '=' ? `${low} and ${high}` : operator.startsWith('>') ? low : high;
  return written(text, { moment: at, asked: moment, shift: by });
}
