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
import type { Known } from '../known.ts';
import { cast } from '../nodes.ts';
import { type Found, findColumn, type Source } from '../sources.ts';
import { equalSides, type KnownWord, knownWord, PLAIN, withColumnRanges, ZONED } from './column-range.ts';
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
export const bareTimeTexts = (query: SelectStmt, known: Known): Rewritten | null =>
  withColumnRanges(query, known, (condition, sources) => {
    const asked = askedOf(condition, sources, known);
    return asked === null ? null : { ...asked, conditions: [rangeOf(asked), condition] };
  });

interface Asked {
  readonly found: Found;
  readonly at: Node;
  readonly span: Span;
  readonly hangsOnZone: boolean;
  /** Of the right type, whatever is inferred first. */
  readonly value: Node;
  readonly word: KnownWord;
}

function askedOf(node: Node, sources: readonly Source[], known: Known): Asked | null {
  const sides = equalSides(node);
  if (sides === null) return null;
  const [left, right] = sides;
  return oneSide(left, right, { sources, known }) ?? oneSide(right, left, { sources, known });
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
  const said = knownWord(word, known);
  if (found === null || said === null || ![PLAIN, ZONED, 'date'].includes(found.column.type)) return null;
  const span = name === 'to_char' ? FORMATS[said.word] : (name === 'extract' || name === 'date_part') && said.word === 'year' ? OF_YEAR : undefined;
  const typed = span === undefined ? null : typedValue(value, span === OF_YEAR ? NUMBERS : TEXTS, known);
  // to_char of a date is that of its midnight in the session's zone, where a whole day may be missing
  const hangsOnZone = found.column.type === ZONED || (found.column.type === 'date' && name === 'to_char');
  return span === undefined || typed === null ? null : { found, at, span, hangsOnZone, value: typed, word: said };
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
