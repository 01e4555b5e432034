/** Server logs as PostgreSQL writes them, in three formats: what was logged is read back, whatever it holds; what was cut or made up never is. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type LogFormat, loggedStatements } from '../../activities/optimizer/workload/log-lines.ts';

interface Sent {
  readonly text: string;
  readonly values: readonly (string | null)[];
  readonly ms: number;
}

const AT = '2026-11-21 10:00:00.000 UTC';
const quoted = (value: string | null) => (value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`);
const parameters = (values: Sent['values']) => values.map((value, place) => `$${place + 1} = ${quoted(value)}`).join(', ');
const message = ({ text, ms }: Sent) => `duration: ${ms.toFixed(3)} ms  execute <unnamed>: ${text}`;

/** As PostgreSQL 15 does: write_stderr with tabs, write_csvlog, write_jsonlog. */
const writers: Readonly<Record<LogFormat, (sent: Sent) => string>> = {
  stderr: (sent) => {
    const line = (severity: string, text: string) => `${AT} [5] app@shop ${severity}:  ${text.replaceAll('\n', '\n\t')}\n`;
    return line('LOG', message(sent)) + line('DETAIL', `parameters: ${parameters(sent.values)}`);
  },
  csvlog: (sent) => {
    const field = (text: string) => `"${text.replaceAll('"', '""')}"`;
    const head = `${AT},"app","shop",5,"[local]",6560.5,1,"SELECT",${AT},3/2,0,LOG,00000`;
    return `${head},${field(message(sent))},${field(`parameters: ${parameters(sent.values)}`)},,,,,,,,"psql","client backend",,-9007199254740993123\n`;
  },
  jsonlog: (sent) =>
    `${JSON.stringify({ timestamp: AT, user: 'app', dbname: 'shop', message: message(sent), detail: `parameters: ${parameters(sent.values)}` }).replace(/}$/, ',"query_id":-9007199254740993123}')}\n`,
};
const formats = Object.keys(writers) as LogFormat[];
const read = (log: string, format: LogFormat) => loggedStatements(log, format, '%m [%p] %q%u@%d ');

/** Anything a client may send; what PostgreSQL cannot hold or a line cannot keep is left out. */
const anything = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.constantFrom("it''s", 'a, $2 = ', 'LOG:  statement: select 1', '\n\nDETAIL:  parameters: $1 = ', '(cost=', '","'),
  )
  .map((text) => text.replaceAll(/[\0\r\uD800-\uDFFF]/g, ''));
// values that end in three dots may have been cut: they are never taken
const value = fc.option(anything.filter((text) => !text.endsWith('...')));
const statement = anything.map((text) => `select ${text}`.trimEnd());
const sent = fc.record({ text: statement, values: fc.array(value, { minLength: 1, maxLength: 4 }), ms: fc.nat(100_000).map((ms) => ms / 1000) });

describe.each(formats)('%s', (format) => {
  const write = writers[format];

  test('gives back what was logged, whatever it holds', () => {
    fc.assert(
      fc.property(fc.array(sent, { maxLength: 4 }), (all) => {
        const found = read(all.map(write).join(''), format);
        expect(found.map(({ text, values, ms, database, role }) => ({ text, values, ms, database, role }))).toEqual(
          all.map((each) => ({ ...each, database: 'shop', role: 'app' })),
        );
      }),
    );
  });

  test('a log that is cut while it is written gives no value that was not sent whole', () => {
    fc.assert(
      fc.property(fc.array(sent, { minLength: 1, maxLength: 3 }), fc.nat(), (all, cut) => {
        const log = all.map(write).join('');
        const known = new Set(all.map(({ text, values }) => JSON.stringify([text, values])));
        for (const { text, values } of read(log.slice(0, cut % (log.length + 1)), format)) {
          if (values !== null) expect(known).toContain(JSON.stringify([text, values]));
        }
      }),
    );
  });

  test('takes any text without throwing', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (log) => void read(log, format)));
  });
});

test('queryids of 64 bits are read exactly', () => {
  const one = { text: 'select $1', values: ['x'], ms: 1 };
  for (const format of ['csvlog', 'jsonlog'] as const) expect(read(writers[format](one), format)[0]?.queryId).toBe('-9007199254740993123');
  expect(loggedStatements('7 shop -42 LOG:  statement: select 1\n', 'stderr', '%p %d %Q ')).toMatchObject([{ database: 'shop', queryId: '-42' }]);
});

test.each([
  ['%m [%p] ', `${AT} [5] LOG:  statement: select 1`, null],
  ['%m [%p] %q%u@%d ', `${AT} [5] app@shop LOG:  statement: select 1`, 'shop'],
  ['%m [%p] %q%u@%d ', `${AT} [5] LOG:  statement: select 1`, null],
  ['(%d) %d %-9d|%%', '(a.b) a.b a.b      |%LOG:  statement: select 1', 'a.b'],
  ['<%q%a[%d]', '<a LOG:  b[shop]LOG:  statement: select 1', null],
])('log_line_prefix %j names the database, or does not', (prefix, line, database) => {
  expect(loggedStatements(`${line}\n`, 'stderr', prefix).map((one) => one.database)).toEqual(database === null && line.includes('a LOG') ? [] : [database]);
});

test('auto_explain in both of its formats, with and without parameters', () => {
  const plan = (lines: readonly string[]) => `${AT} [5] app@shop LOG:  duration: 3.000 ms  plan:\n${lines.map((line) => `\t${line}\n`).join('')}`;
  const text = [`Query Text: select *`, `from t -- (really)`, `where a = $1`];
  const node = ['Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)', '  Filter: (a = 1)'];
  const asked = { text: 'select *\nfrom t -- (really)\nwhere a = $1', ms: 3, database: 'shop' };
  expect(read(plan([...text, ...node]), 'stderr')).toMatchObject([{ ...asked, values: null }]);
  expect(read(plan([...text, `Query Parameters: $1 = 'two`, `lines', $2 = NULL`, ...node]), 'stderr')).toMatchObject([
    { ...asked, values: ['two\nlines', null] },
  ]);
  expect(read(plan(['{', '  "Query Text": "select 5",', `  "Query Parameters": "$1 = '7'",`, '  "Plan": {}', '}']), 'stderr')).toMatchObject([
    { text: 'select 5', values: ['7'] },
  ]);
  expect(read(plan([...text, 'no plan at all']), 'stderr')).toEqual([]);
});

test('values that were cut are none, and texts made to be slow are not', () => {
  const cut = { text: 'select $1', values: ['long...'], ms: 1 };
  expect(read(writers.stderr(cut), 'stderr')[0]?.values).toBeNull();
  const began = performance.now();
  const hostile = [
    `${AT} [5] app@shop LOG:  duration: 1 ms  plan:\n\tQuery Text: x\n${"\tQuery Parameters: $1 = '\n".repeat(20_000)}`,
    `${'a@b '.repeat(100_000)}LOG:  statement: select 1\n`,
    `${AT},"${'""'.repeat(200_000)}`,
    `${AT} [5] app@shop LOG:  execute x: select $1\n${AT} [5] app@shop DETAIL:  parameters: $1 = '${"''".repeat(200_000)}\n`,
    'A'.repeat(500_000),
  ];
  for (const log of hostile) for (const format of formats) read(log, format);
  expect(performance.now() - began).toBeLessThan(10_000);
});
