/** The rules' texts give the same at every edge of a calendar, a clock and a number. Many executions: beside the fault matrix. */
import { describe, expect, test } from 'vitest';
import { differing, randomSchema, templates } from './rewrite-random.ts';
import { sameBy, schemaSql, useRewriteClient } from './rewrite-support.ts';

const server = useRewriteClient(schemaSql);

test('rows of any seed', async () => {
  await server.client.query(randomSchema);
  const seeds = Array.from({ length: 8 }, (_, place) => 100 + place);
  const found = await differing(server.client, seeds);
  await server.client.query('reset timezone');
  expect(found.differing).toEqual([]);
  expect(found.compared).toBeGreaterThan(templates.length * seeds.length * 0.4);
}, 120_000);

test.each<[string, RegExp, string]>([
  ['a guard that a null passes by', /is not true/g, 'is false'],
  ['years before the first left out', /or \w+ < '0001-01-01'/g, 'or false'],
  ['a count of nothing that is null', /coalesce\(grouped\.value_(\d), 0\)/g, 'grouped.value_$1'],
  ['DISTINCT left out', /select distinct/g, 'select'],
])(
  'rows of any seed show %s',
  async (_, found, wrong) => {
    const { differing: shown } = await differing(server.client, [100, 101, 102, 103, 104, 105], (text) => text.replaceAll(found, wrong));
    await server.client.query('reset timezone');
    expect(shown.length).toBeGreaterThan(0);
    // they could be planned
    for (const { because } of shown) expect(because).not.toContain('42601');
  },
  120_000,
);

describe('a count', () => {
  const counted = (comparison: string) =>
    `select id from customer c where (select count(*) from purchase p where p.customer_id = c.id and p.amount > 50) ${comparison}`;
  test.each(['> 0', '>= 1', '<> 0', '= 0', '< 1', '> 1', '>= 2', '<= 1', '<> 2', '>= -1', '> -3'])('that is %s gives the same', async (comparison) => {
    expect(await sameBy(server.client, 'count-to-exists', counted(comparison))).toMatchObject({ kind: 'equal' });
  });
  test.each(['>', '>=', '=', '<>', '<', '<='])('that is %s a parameter gives the same, whatever that is', async (operator) => {
    const values = ['0', '1', '2', '3', '-1', '-9000000000', '9000000000', null].map((value) => [value]);
    expect(await sameBy(server.client, 'count-to-exists', counted(`${operator} $1`), { types: ['bigint'], values })).toMatchObject({
      kind: 'equal',
      bindings: 8,
    });
  });
});

describe('a day', () => {
  const before = ['2026-01-31', '2024-02-28', '2024-02-29', '2024-03-01', '1999-12-31', '2000-01-01', '0001-01-01', '0044-03-15 BC'];
  const dates = [...before, '2011-12-30', '2011-12-31', '2010-11-06', '2010-11-07', '2023-04-28', 'infinity', '-infinity', null];
  const conditions = [
    'at::date = $1',
    'date(at) = $1',
    '$1 = at::date',
    'at::date > $1',
    'at::date >= $1',
    'at::date < $1',
    '$1 >= at::date',
    'not (at::date = $1)',
    '(at::date = $1) is null',
  ];
  test.each([...conditions, 'seen::date = $1'])('by %s gives the same at every edge', async (condition) => {
    const found = await sameBy(server.client, 'bare-date-range', `select id from moment where ${condition}`, {
      types: ['date'],
      values: dates.map((date) => [date]),
    });
    expect(found).toMatchObject({ kind: 'equal', bindings: dates.length });
  });
  test.each(['at', 'seen'])('of %s between two others likewise', async (column) => {
    const values = dates.map((date, place) => [date, dates[(place + 5) % dates.length] ?? null]);
    expect(
      await sameBy(server.client, 'bare-date-range', `select id from moment where ${column}::date between $1 and $2`, { types: ['date', 'date'], values }),
    ).toMatchObject({
      kind: 'equal',
    });
  });
  test.each(['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'])('is no other than another unit: %s, at every edge', async (unit) => {
    for (const [column, type] of [
      ['at', 'timestamp without time zone'],
      ['seen', 'timestamp with time zone'],
    ] as const) {
      const text = `select id from moment where date_trunc('${unit}', ${column}) = $1`;
      const { rows } = await server.client.query<{ begins: string }>(
        `select distinct date_trunc('${unit}', ${column})::text as begins from moment where ${column} is not null union select '2024-02-29 12:00:00.5' order by 1`,
      );
      const values = [...rows.map(({ begins }) => [begins]), [null]];
      expect(await sameBy(server.client, 'bare-date-range', text, { types: [type], values })).toEqual({
        kind: 'equal',
        bindings: values.length,
        rows: expect.any(Number),
        timeZones: expect.anything(),
      });
    }
  });
});
