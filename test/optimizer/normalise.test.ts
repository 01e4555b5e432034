/** Changes of texts, on PostgreSQL's own parse tree. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { acceptable } from '../../activities/optimizer/bind/acceptable.ts';
import { draftOf } from '../../activities/optimizer/bind/draft.ts';
import { edited, parameterTokens as parameters, renumbered } from '../../activities/optimizer/bind/edit.ts';
import { regrouped } from '../../activities/optimizer/bind/grouping.ts';
import { canonical } from '../../activities/optimizer/bind/likeness.ts';
import { isFault, type Parsed, parseOne, parserReady } from '../../activities/optimizer/bind/tree.ts';
import { normalised } from '../../activities/optimizer/workload/normalise.ts';

beforeAll(parserReady);

const word = fc
  .oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.constantFrom(`'`, `"`, `\\`, '$1', 'é$2', '--', '/*'))
  .map((text) => text.replaceAll('\0', ''));
const quotedName = word.filter((text) => text !== '' && Buffer.byteLength(text) < 60).map((text) => `"${text.replaceAll('"', '""')}"`);
const quotedText = word.map((text) => `'${text.replaceAll("'", "''")}'`);
const constant = fc.oneof(
  quotedText,
  fc.nat().map(String),
  fc.integer({ min: -99, max: -1 }).map((n) => `(${n})`),
  fc.constantFrom('1.5', '.5', '1e3', 'null', 'true', '99999999999'),
);

const select = fc
  .tuple(quotedName, quotedName, fc.array(fc.tuple(quotedName, constant), { minLength: 1, maxLength: 4 }))
  .map(
    ([column, table, conditions]) =>
      `select ${column} /* é */ from ${table} where ${conditions.map(([name, value]) => `${name} = ${value}`).join(' and ')} -- ü`,
  );

const parsedOf = (text: string) => {
  const parsed = parseOne(text);
  if (isFault(parsed)) throw new Error(`does not parse: ${text}`);
  return parsed as Parsed;
};

describe('constants taken out', () => {
  test('and put back give the same statement, whatever names and texts hold', () => {
    fc.assert(
      fc.property(select, (sql) => {
        const { text, constants } = normalised(parsedOf(sql));
        const back = constants.values.map((value, index) => (constants.types[index] === null ? `'${value?.replaceAll("'", "''")}'` : `${value}`));
        const filled = edited(
          text,
          parameters(text).map(({ number, start, end }) => ({ start, end, text: ` ${back[number - 1]} ` })),
        );
        expect(canonical(parsedOf(filled).root)).toBe(canonical(parsedOf(sql).root));
      }),
      { numRuns: 300 },
    );
  });

  test('numbers without gaps keep their order and which is which', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 10 }), (numbers) => {
        const { text, origins } = renumbered(`select ${numbers.map((number) => `$${number}`).join(', ')}`);
        const found = parameters(text).map(({ number }) => origins[number - 1]);
        expect(found).toEqual(numbers);
        expect(Math.max(...parameters(text).map(({ number }) => number))).toBe(new Set(numbers).size);
      }),
    );
  });
});

describe('forms of pg_stat_statements', () => {
  test.each([
    ['select interval $1', 'select ($1::interval)'],
    ['select interval $1 day to second(3) + now()', 'select ($1::interval day to second(3)) + now()'],
    ['select timestamp(3) with time zone $2, $1', 'select ($2::timestamp(3) with time zone), $1'],
    ['select "Ünï".typ $1', 'select ($1::"Ünï".typ)'],
    ['select extract($1 from a), $2', 'select extract(epoch from a), $1'],
    ['select extract($1 from a) from t group by extract(week from a)', 'select extract(week from a) from t group by extract(week from a)'],
    ['select * from t where a in ($1 /*, ... */) and b = $2', 'select * from t where a in ($1 , $3, $4) and b = $2'],
    ['select substring(a from $1 for $2)', 'select substring(a from ($1::integer) for ($2::integer))'],
    [`select '$1', "$2", $3 /* $4 */`, `select '$1', "$2", $1 /* $4 */`],
    ['select $1::date, cast($2 as date)', 'select $1::date, cast($2 as date)'],
  ])('%s', (text, expected) => {
    expect(acceptable(draftOf(text)).text).toBe(expected);
  });

  test.each([
    [`select f($1, a) from t group by f('x', a)`, 'select f($1, a) from t group by f($1, a)', [[1, 'x']]],
    ['select f($1, a), f($2, a) + $3 from t group by 1', 'select f($1, a), f($1, a) + $2 from t group by 1', []],
    [
      `select f($1, a) as k from t group by k having f($2, a) > $3 order by f('é', a)`,
      'select f($1, a) as k from t group by k having f($1, a) > $2 order by f($1, a)',
      [[1, 'é']],
    ],
    [
      `select f($1, a), g($2, a) from t group by f('x', a), g('y', a)`,
      'select f($1, a), g($2, a) from t group by f($1, a), g($2, a)',
      [
        [1, 'x'],
        [2, 'y'],
      ],
    ],
    ['select f($1, a) from t group by f($2, b)', 'select f($1, a) from t group by f($2, b)', []],
  ] as const)('twins of %s', (text, expected, known) => {
    const draft = regrouped(draftOf(text));
    expect(draft.text).toBe(expected);
    expect([...draft.known]).toEqual(known);
  });
});
