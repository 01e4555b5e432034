/**
 * `to_char(at, 'YYYY-MM') = $1` and `extract(year from at) = $1` beside a range of the bare column that holds all rows for which they are true.
 *
 * The condition stays as it is, so the range must only leave out no row of it: it is that year, month or day where the text has its form (any other text is
 * equal to none of them), and besides all moments before the year 1, whose years to_char writes like those after it, and from the year 10000 on, which need five digits
 * (manual, 9.8 "Data Type Formatting Functions"). CASE keeps a text or number that is no date from being read as one (9.18.1). `infinity` has no text. Of a
 * timestamp with time zone, and of a date that to_char takes for one, the range is wider by a day on both sides: the day hangs on the session's zone. Beside a condition that is null a range changes nothing where
 * the condition has to be true for a row to come out: only such are taken. The format must be known: in the text, or the same in every captured call.
 */
import type { Node, SelectStmt } from 'libpg-query';
import type { RewriteGround } from '../../../../domain/optimizer/rewrite.ts';
import type { Known } from '../known.ts';
import { and, cast } from '../nodes.ts';
import { type Found, findColumn, type Source, sourcesOf } from '../sources.ts';
import { conjunctsOf, mapQueries } from '../walk.ts';
import { PLAIN, ZONED } from './bare-time-unit.ts';
import type { Rewritten } from './rule.ts';
import { calledName } from './sub-query.ts';
import { written } from './template.ts';

interface Span {
  /** Of `asked`: does it have the form? */
  readonly test: string;
  readonly begins: string;
  readonly length: string;
}

const YEAR = '(?!0000)[0-9]{4}';
const MONTH = '(0[1-9]|1[0-2])';
const DAY = '(0[1-9]|[12][0-9]|3[01])';

const FORMATS: Readonly<Record<string, Span>> = {
  YYYY: { test: `asked ~ '^${YEAR}$'`, begins: `(asked || '-01-01')::timestamp`, length: '1 year' },
  'YYYY-MM': { test: `asked ~ '^${YEAR}-${MONTH}$'`, begins: `(asked || '-01')::timestamp`, length: '1 month' },
  YYYYMM: { test: `asked ~ '^${YEAR}${MONTH}$'`, begins: `(asked || '01')::timestamp`, length: '1 month' },
  // of the 31st of February it is some day in March, which has another text
  'YYYY-MM-DD': {
    test: `asked ~ '^${YEAR}-${MONTH}-${DAY}$'`,
    begins: `(substr(asked, 1, 7) || '-01')::timestamp + (substr(asked, 9, 2)::int - 1) * interval '1 day'`,
    length: '1 day',
  },
  YYYYMMDD: {
    test: `asked ~ '^${YEAR}${MONTH}${DAY}$'`,
    begins: `(substr(asked, 1, 6) || '01')::timestamp + (substr(asked, 7, 2)::int - 1) * interval '1 day'`,
    length: '1 day',
  },
};

const OF_YEAR: Span = { test: 'asked between 1 and 9999', begins: 'make_date(asked::int, 1, 1)::timestamp', length: '1 year' };

/** null: nothing of the kind. */
export function bareTimeTexts(query: SelectStmt, known: Known): Rewritten | null {
  const grounds: RewriteGround[] = [];
  const fixed = new Map<number, string>();
  let isZoned = false;
  const changed = mapQueries(query, (each) => {
    const sources = sourcesOf(each, known);
    const ranges = conjunctsOf(each.whereClause).map((condition) => {
      const asked = askedOf(condition, sources, known);
      if (asked === null) return [condition];
      const { found, fixes } = asked;
      grounds.push({ kind: 'type', table: found.table.table, column: found.column.name, type: found.column.type });
      if (fixes !== null) fixed.set(fixes.parameter, fixes.value);
      isZoned ||= asked.hangsOnZone;
      return [rangeOf(asked), condition];
    });
    const whereClause = and(ranges.flat());
    return whereClause === undefined || ranges.every((one) => one.length === 1) ? each : { ...each, whereClause };
  });
  return grounds.length === 0 ? null : { query: changed, grounds, fixed, ...(isZoned ? { hangsOnTimeZone: true } : {}) };
}

interface Asked {
  readonly found: Found;
  readonly at: Node;
  readonly span: Span;
  readonly hangsOnZone: boolean;
  /** Of the right type, whatever is inferred first. */
  readonly value: Node;
  readonly fixes: { readonly parameter: number; readonly value: string } | null;
}

function askedOf(node: Node, sources: readonly Source[], known: Known): Asked | null {
  if (!('A_Expr' in node) || node.A_Expr.kind !== 'AEXPR_OP') return null;
  const { name = [], lexpr, rexpr } = node.A_Expr;
  const [only, ...schema] = name;
  if (schema.length > 0 || only === undefined || !('String' in only) || only.String.sval !== '=') return null;
  return oneSide(lexpr, rexpr, { sources, known }) ?? oneSide(rexpr, lexpr, { sources, known });
}

function oneSide(
  called: Node | undefined,
  value: Node | undefined,
  { sources, known }: { readonly sources: readonly Source[]; readonly known: Known },
): Asked | null {
  const name = called === undefined ? null : calledName(called);
  if (called === undefined || value === undefined || name === null || !('FuncCall' in called) || known.ownFunctions.has(name)) return null;
  const [first, second, ...more] = called.FuncCall.args ?? [];
  if (first === undefined || second === undefined || more.length > 0) return null;
  const [at, word] = name === 'to_char' ? [first, second] : [second, first];
  const found = findColumn(at, sources);
  const said = wordOf(word, known);
  if (found === null || said === null || ![PLAIN, ZONED, 'date'].includes(found.column.type)) return null;
  const span = name === 'to_char' ? FORMATS[said.word] : (name === 'extract' || name === 'date_part') && said.word === 'year' ? OF_YEAR : undefined;
  const typed = span === undefined ? null : typedValue(value, span === OF_YEAR ? NUMBERS : TEXTS, known);
  // to_char of a date is that of its midnight in the session's zone, where a whole day may be missing
  const hangsOnZone = found.column.type === ZONED || (found.column.type === 'date' && name === 'to_char');
  return span === undefined || typed === null
    ? null
    : { found, at, span, hangsOnZone, value: typed, fixes: said.parameter === null ? null : { parameter: said.parameter, value: said.word } };
}

function wordOf(node: Node, { constants }: Known): { readonly word: string; readonly parameter: number | null } | null {
  const bare = 'TypeCast' in node && node.TypeCast.arg !== undefined ? node.TypeCast.arg : node;
  if ('A_Const' in bare) return bare.A_Const.sval?.sval === undefined ? null : { word: bare.A_Const.sval.sval, parameter: null };
  const parameter = 'ParamRef' in bare ? (bare.ParamRef.number ?? 0) : 0;
  const word = constants.get(parameter);
  return word === undefined ? null : { word, parameter };
}

const TEXTS: Readonly<Record<string, readonly string[]>> = { text: ['text'] };
const NUMBERS: Readonly<Record<string, readonly string[]>> = { numeric: ['pg_catalog', 'numeric'], 'double precision': ['pg_catalog', 'float8'] };

/** A parameter of one of these types, or a constant. */
function typedValue(node: Node, types: Readonly<Record<string, readonly string[]>>, { parameterTypes }: Known): Node | null {
  if ('ParamRef' in node) {
    const names = types[parameterTypes[(node.ParamRef.number ?? 0) - 1] ?? ''];
    return names === undefined ? null : cast(node, ...names);
  }
  if (!('A_Const' in node)) return null;
  const { sval, ival, fval } = node.A_Const;
  return types === TEXTS
    ? sval === undefined
      ? null
      : cast(node, 'text')
    : ival !== undefined || fval !== undefined
      ? cast(node, 'pg_catalog', 'numeric')
      : null;
}

function rangeOf({ at, hangsOnZone, span: { test, begins, length }, value }: Asked): Node {
  const begin = `case when ${test} then ${begins} end`;
  const text = hangsOnZone
    ? `moment >= ${begin} - interval '1 day' and moment < ${begin} + interval '${length}' + interval '1 day' or moment < '0001-01-03' or moment >= '9999-12-30'`
    : `moment >= ${begin} and moment < ${begin} + interval '${length}' or moment < '0001-01-01' or moment >= '10000-01-01'`;
  return written(text, { moment: at, asked: value });
}
