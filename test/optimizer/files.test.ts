import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { workloadFromFiles } from '../../activities/optimizer/workload/files.ts';

let folder: string;
let count = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-o1-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function read(text: string, name = 'a.sql') {
  const path = join(folder, `${count++}-${name}`);
  writeFileSync(path, text);
  return workloadFromFiles([path], 'shop');
}

const firstOf = async (text: string, name?: string) => {
  const { statements, captured } = await read(text, name);
  const [statement] = statements;
  return { text: statement?.text, calls: statement?.calls, values: captured.get(statement?.id ?? '')?.map(({ values }) => values) };
};

describe('a file of SQL', () => {
  test('gives each statement without its constants, and keeps them apart', async () => {
    expect(await firstOf(`select * from t where a = 5 and b = 'it''s' and c > -1.5 limit 10; -- end`)).toEqual({
      text: 'select * from t where a = $1 and b = $2 and c > $3 limit $4',
      calls: 1,
      values: [['5', "it's", '-1.5', '10']],
    });
  });

  test('counts repetitions as calls, with all their values', async () => {
    expect(await firstOf(`select 1 from t where a = 1; select 1 from t where a = 2;select 1 from t where a = 2`)).toEqual({
      text: 'select $1 from t where a = $2',
      calls: 3,
      values: [
        ['1', '1'],
        ['1', '2'],
      ],
    });
  });

  test.each([
    ['select a, count(*) from t group by 1 order by 2', 'select a, count(*) from t group by 1 order by 2'],
    ['select extract(year from d), d::numeric(5, 2) from t', 'select extract(year from d), d::numeric(5, 2) from t'],
    [`select date '1998-12-01' - interval '90' day (3)`.replace(' (3)', ''), 'select date $1 - interval $2 day'],
    ['select true, null, 3000000000, 0', 'select true, null, $1, $2'],
    [`select 'ä', "Ü" from "T""x" where "ß" = 'é'`, `select $1, "Ü" from "T""x" where "ß" = $2`],
    ['select $1, 5', 'select $1, $2'],
  ])('%s → %s', async (sql, expected) => {
    expect((await firstOf(sql)).text).toBe(expected);
  });

  test('goes on after a statement that does not parse, and after commands of psql', async () => {
    const { statements, notJudged } = await read(`\\set x 1\nselect 1;\nselec 2;\nselect ';' from t;\nselect (`);
    expect(statements.map(({ text }) => text).sort()).toEqual(['select $1', 'select $1 from t']);
    expect(notJudged.map(({ reason }) => reason).sort()).toEqual(['truncated-text', 'unreadable-text']);
  });

  test('tells what has no plan', async () => {
    const { notJudged } = await read('create table t (); vacuum; select * from pg_class; select 1 into x; begin');
    expect(notJudged.map(({ reason, detail }) => `${reason}: ${detail}`).sort()).toEqual([
      'catalogue-only: reads only PostgreSQL’s own catalogues',
      'utility: create table',
      'utility: select into',
      'utility: transaction',
      'utility: vacuum',
    ]);
  });

  test('folders are read whole, a missing or empty path is refused', async () => {
    const inner = join(folder, 'many', 'deep');
    mkdirSync(inner, { recursive: true });
    writeFileSync(join(inner, 'b.sql'), 'select b');
    writeFileSync(join(folder, 'many', 'a.sql'), 'select a');
    writeFileSync(join(folder, 'many', 'notes.txt'), 'not sql');
    expect((await workloadFromFiles([join(folder, 'many')], 'x')).statements).toHaveLength(2);
    await expect(workloadFromFiles([join(folder, 'none')], 'x')).rejects.toMatchObject({ code: 'usage' });
    await expect(read('-- nothing')).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('a server log', () => {
  test('gives statements with their times and parameters, lines that go on included', async () => {
    const log = `2024-01-01 10:00:00 UTC [5] shop LOG:  duration: 1.5 ms  statement: select *
\tfrom t
\twhere a = 7
2024-01-01 10:00:01 UTC [5] shop LOG:  duration: 2 ms  execute <unnamed>: select * from u where a = $1 and b = $2 and c = 3
2024-01-01 10:00:01 UTC [5] shop DETAIL:  parameters: $1 = 'it''s, $2 = x', $2 = NULL
2024-01-01 10:00:02 UTC [5] shop LOG:  checkpoint starting: time
2024-01-01 10:00:02 UTC [5] shop LOG:  execute s1: select * from v where a = $1
2024-01-01 10:00:02 UTC [5] shop DETAIL:  parameters: $1 = 'cut off'...
2024-01-01 10:00:03 UTC [5] shop ERROR:  nothing
2024-01-01 10:00:03 UTC [5] shop STATEMENT:  select nothing
`;
    const { statements, captured } = await read(log, 'server.log');
    expect(statements.map(({ id, text, totalMs }) => [text, totalMs, captured.get(id)?.[0]?.values])).toEqual([
      ['select * from u where a = $1 and b = $2 and c = $3', 2, ["it's, $2 = x", null, '3']],
      ['select *\nfrom t\nwhere a = $1', 1.5, ['7']],
      ['select * from v where a = $1', 0, undefined],
    ]);
  });

  test('as CSV and as JSON, told by their endings; where nothing was sent to the database, all is taken as sent to it, and that is said', async () => {
    const head = `2026-11-21 10:00:00.000 UTC,"app","other",5,"[local]",6560.5,1,"SELECT",2026-11-21 10:00:00 UTC,3/2,0,LOG,00000`;
    const csv = `${head},"duration: 2.5 ms  execute s: select ""A"" from t where b = $1","parameters: $1 = 'it''s'",,,,,,,,"app","client backend",,0\n`;
    const json = `{"dbname":"other","message":"duration: 2.5 ms  execute s: select \\"A\\" from t where b = $1","detail":"parameters: $1 = 'it''s'"}\n`;
    const expected = { text: 'select "A" from t where b = $1', calls: 1, values: [["it's"]] };
    expect(await firstOf(csv, 'server.csv')).toEqual(expected);
    expect(await firstOf(json, 'server.json')).toEqual(expected);
    // who sent most of it, in time, comes first
    const others = `${csv}${csv.replace('"app"', '"batch"').replace('2.5 ms', '9 ms')}`;
    expect((await read(others, 'server.csv')).statements[0]?.roles).toEqual(['batch', 'app']);
    expect((await read(csv, 'server.csv')).notices).toEqual(['no statement of the files was sent to shop: those of other are taken as if they were']);
    // data of somebody's is no log
    await expect(read('a,b\n1,2\n', 'data.csv')).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('a log in stderr format', () => {
  const lines = (head: (user: string, db: string) => string) =>
    [
      ['app', 'shop', 'select a from t where b = 1'],
      ['other app', 'books', 'select a from t where b = 2'],
      ['app', 'shop', 'select a from t where b = 3'],
    ]
      .map(([user = '', db = '', text = '']) => `${head(user, db)}LOG:  duration: 2 ms  statement: ${text}\n`)
      .join('');
  const logOf = async (text: string, { name = 'server.log', prefix = '' } = {}) => {
    const path = join(folder, `${count++}-${name}`);
    writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text);
    const { statements, captured } = await workloadFromFiles([path], 'shop', prefix);
    return statements.map(({ id, database, roles, calls }) => [database, roles, calls, captured.get(id)?.map(({ values }) => values[0])]);
  };
  const apart = [
    ['shop', ['app'], 2, ['1', '3']],
    ['books', undefined, 1, undefined],
  ];

  test.each([
    ['the cluster’s own', '<%u|%d> %p ', (user: string, db: string) => `<${user}|${db}> 77 `],
    ['Debian’s', '', (user: string, db: string) => `2026-11-21 10:00:00.123 CET [77] ${user}@${db} `],
    ['pgBadger’s', '%m ', (user: string, db: string) => `2026-11-21 10:00:00 UTC [77]: user=${user},db=${db},app=[unknown],client=::1 `],
    ['RDS’s', '', (user: string, db: string) => `2026-11-21 10:00:00 UTC:10.0.0.1(5432):${user}@${db}:[77]:`],
  ])('says by its prefix (%s) whose statement it was, and of which database', async (_, prefix, head) => {
    expect(await logOf(lines(head), { prefix })).toEqual(apart);
  });

  test('says nothing by a prefix without them, or by another than it was written with: all is taken as sent to the database', async () => {
    const all = [['shop', undefined, 3, ['1', '2', '3']]];
    expect(await logOf(lines(() => '2026-11-21 10:00:00 UTC [77] '))).toEqual(all);
    expect(
      await logOf(
        lines((user, db) => `${db}/${user}: `),
        { prefix: '%m [%p] ' },
      ),
    ).toEqual(all);
  });

  test.each(['server.log.1', 'server.log.2.gz', 'server.log-20261121'])('is one under the name %s, too', async (name) => {
    expect(
      await logOf(
        lines((user, db) => `2026-11-21 10:00:00.123 CET [77] ${user}@${db} `),
        { name },
      ),
    ).toEqual(apart);
  });
});

test('while a long log is taken apart the worker goes on beating', async () => {
  const line = (n: number) =>
    `2026-11-21 10:00:00.123 CET [77] app@shop LOG:  duration: 2 ms  statement: select a, b from t where c = ${n} and d in (1, 2, 3)\n`;
  let turns = 0;
  const clock = setInterval(() => (turns += 1), 1);
  const { statements } = await read(Array.from({ length: 500 }, (_, n) => line(n)).join(''), 'long.log');
  clearInterval(clock);
  expect(statements.map(({ calls }) => calls)).toEqual([500]);
  expect(turns).toBeGreaterThan(3);
});

test('what cannot be taken apart is said without the words around it: they may be values', async () => {
  const { notJudged } = await read(`select a from t 'whispered'; selec 'whispered'; select 'whispered`);
  expect(notJudged.length).toBeGreaterThan(0);
  expect(JSON.stringify(notJudged)).not.toContain('whispered');
});
