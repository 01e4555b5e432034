/** A statement's tree as a text again: only as one that the parser reads as that very tree. */
import fc from 'fast-check';
import type { SelectStmt } from 'libpg-query';
import { beforeAll, describe, expect, test } from 'vitest';
import { isFault, parseOne, parserReady } from '../../activities/optimizer/bind/tree.ts';
import { textOf } from '../../activities/optimizer/rewrite/query-text.ts';
import { literal } from '../../activities/pg.ts';

beforeAll(() => parserReady());

const again = (text: string): string | null => {
  const parsed = parseOne(text);
  if (isFault(parsed)) throw new Error(parsed.detail);
  return textOf(parsed.root as SelectStmt);
};

describe('a tree', () => {
  const operand = fc.constantFrom(
    'a',
    't.b',
    '"Or der"',
    '"select"',
    '$1',
    '-1',
    '1.5',
    "'x'",
    "e'a\\nb'",
    'null',
    'true',
    'count(*)',
    'f(a, $2)',
    '(select 1)',
    'current_date',
    'array[1, 2]',
  );
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).filter((word) => !word.includes('\0'));
  const { expression } = fc.letrec<{ expression: string }>((tie) => {
    const inner = tie('expression');
    return {
      expression: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        operand,
        fc
          .tuple(inner, fc.constantFrom('+', '-', '*', '||', '=', '<', '<>', 'and', 'or', 'like', 'is distinct from', '@>', '->>'), inner)
          .map(([a, by, b]) => `(${a}) ${by} (${b})`),
        inner.map((a) => `not (${a})`),
        inner.map((a) => `(${a}) is not null`),
        inner.map((a) => `(${a})::timestamp with time zone`),
        inner.map((a) => `coalesce(${a}, 0)`),
        inner.map((a) => `- (${a})`),
        fc.tuple(inner, inner, inner).map(([a, b, c]) => `(${a}) between (${b}) and (${c})`),
        fc.tuple(inner, inner).map(([a, b]) => `(${a}) in ((${b}), 2)`),
        fc.tuple(inner, inner, inner).map(([a, b, c]) => `case when ${a} then ${b} else ${c} end`),
      ),
    };
  });
  test('of any expression becomes a text that the parser reads as that tree', () => {
    fc.assert(
      fc.property(expression, expression, (a, b) => again(`select ${a} from t where ${b}`) !== null),
      { numRuns: 100 },
    );
  });
  test('keeps any name and any value', () => {
    const quoted = name.map((word) => `"${word.replaceAll('"', '""')}"`);
    fc.assert(
      fc.property(quoted, quoted, name, (a, b, value) => again(`select ${a}.${b} as ${b} from ${a} where ${b} = ${literal(value)}`) !== null),
      { numRuns: 100 },
    );
  });
  test('is written as people write it', () => {
    const text = `select a::timestamp(3) with time zone, '1 day'::interval, b::double precision, c::varchar(10)[], "select"\nfrom t as x (y)\nwhere not a and (b or c)`;
    expect(again(text)).toBe(text);
    expect(again(`select interval '1' day`)).toBe(`select '1'::pg_catalog."interval"(8)`);
  });
  test.each([
    'select a from t for update',
    'select a from t order by a fetch first 3 rows with ties',
    'select a into b from t',
    'select sum(a) over (rows between 1 preceding and current row) from t',
    `select json_object('a': 1)`,
    `select xmlelement(name a)`,
  ])('that cannot be written is none: %s', (text) => expect(again(text)).toBeNull());
});
