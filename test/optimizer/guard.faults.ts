/** The guard on a real server: a planted bad index goes, whatever else happens in between. Windows of traffic instead of hours. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { btree } from '../../domain/optimizer/index-sql.ts';
import { recommendedIndex } from '../../domain/optimizer/recommendation.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { type ApplyBench, type Asked, applyBench } from './apply-support.ts';
import { queryIdOf, windowOf } from './guard-support.ts';
import { statementsCluster } from './statements-server.ts';

let cluster: EmbeddedCluster;
let bench: ApplyBench;
/** queryid and text of the one statement that the index is for. */
let statement: { readonly id: string; readonly text: string };

const SQL = 'select count(note) from visit where who = $1';

beforeAll(async () => {
  cluster = await statementsCluster();
  await cluster.sql('create table visit (id int primary key, who int not null, note text)');
  await freshRows();
  await cluster.sql(SQL, { params: [1] });
  bench = await applyBench(cluster);
  statement = await queryIdOf(bench, 'count(note)');
}, 60_000);
afterAll(() => bench?.control.close());

/** Eight hundred values, ten rows of each, and no index: one that an earlier round kept would stand for that of every round after it. */
const freshRows = () =>
  cluster.sql(`do $$ declare kept text; begin
      for kept in select indexrelid::regclass::text from pg_index where indrelid = 'visit'::regclass and not indisprimary loop execute 'drop index ' || kept; end loop;
    end $$;
    truncate visit; insert into visit select n, n % 800, 'note ' || n from generate_series(1, 8000) n; analyze visit`);
/** Data changed after the approval: every row has the value that is asked for, and no index helps. */
const badRows = () => cluster.sql(`update visit set who = 1; analyze visit`);

const traffic = async (client: pg.Client) => {
  for (let call = 0; call < 5; call += 1) await client.query(SQL, [1]);
};

const recommend = (): Promise<Asked> =>
  bench.recommend([recommendedIndex(btree({ schema: 'public', relation: 'visit' }, ['who']), { sizeBytes: 400_000, buildMs: 20, leaveOneOut: 2 })], {
    statements: { [statement.id]: 'faster' },
    texts: { [statement.id]: statement.text },
  });

const indexNames = async () => (await cluster.sql(`select relname from pg_class where relname like 'visit_who%'`)).length;

/** Windows until there is a verdict; `during` runs in the middle of the window after the change. */
async function guarded(
  asked: Asked,
  during: (window: number) => Promise<unknown> = async () => {},
): Promise<{ verdict: string; windows: number; because: readonly string[] }> {
  for (let window = 1; ; window += 1) {
    await windowOf(bench, asked, window, async (client, look) => {
      if (look === 6) await during(window);
      await traffic(client);
    });
    const { verdict, because } = await bench.steps.guardWindow({ ...asked, window });
    if (verdict !== 'undecided') return { verdict, windows: window, because };
  }
}

test('a planted bad index is dropped within two windows, twenty times of twenty', async () => {
  const ends: unknown[] = [];
  for (let time = 0; time < 20; time += 1) {
    await freshRows();
    const asked = await recommend();
    await windowOf(bench, asked, 0, traffic);
    await badRows();
    await bench.steps.applyChange({ ...asked, place: 0 });
    const { verdict, windows, because } = await guarded(asked);
    ends.push({
      verdict,
      isInTime: windows <= 2,
      ...(verdict === 'roll-back' ? await bench.steps.undoChange({ ...asked, place: 0 }) : { because }),
      left: await indexNames(),
    });
  }
  expect(ends).toEqual(Array.from({ length: 20 }, () => ({ verdict: 'roll-back', isInTime: true, outcome: 'dropped', left: 0 })));
});

test('a good one is kept, five times of five', async () => {
  const ends: string[] = [];
  for (let time = 0; time < 5; time += 1) {
    await freshRows();
    const asked = await recommend();
    await windowOf(bench, asked, 0, traffic);
    await bench.steps.applyChange({ ...asked, place: 0 });
    ends.push((await guarded(asked)).verdict);
    await bench.steps.undoChange({ ...asked, place: 0 });
  }
  expect(ends).toEqual(Array.from({ length: 5 }, () => 'keep'));
});

describe('in the middle of a window', () => {
  test.each([
    ['bad', 'roll-back', badRows],
    ['good', 'keep', async () => {}],
  ] as const)('the statistics are reset: one window more, and the %s index ends in %s', async (_, verdict, spoil) => {
    await freshRows();
    await spoil();
    const asked = await recommend();
    await windowOf(bench, asked, 0, traffic);
    await bench.steps.applyChange({ ...asked, place: 0 });
    const reset = (window: number) => (window === 2 ? cluster.sql('select pg_stat_statements_reset()') : Promise.resolve());
    const { because: _because, ...end } = await guarded(asked, reset);
    await bench.steps.undoChange({ ...asked, place: 0 });
    expect(end).toEqual({ verdict, windows: 3 });
    expect(await indexNames()).toBe(0);
  });

  test('the server is started anew: looks fail, those after it count', async () => {
    await freshRows();
    const asked = await recommend();
    await windowOf(bench, asked, 0, traffic);
    await bench.steps.applyChange({ ...asked, place: 0 });
    await windowOf(bench, asked, 1, traffic);
    await bench.steps.guardWindow({ ...asked, window: 1 });
    await cluster.stop('fast');
    await expect(bench.steps.lookAtStatements({ ...asked, window: 2, look: 0 })).rejects.toThrow();
    await cluster.start();
    await windowOf(bench, asked, 2, traffic);
    expect(await bench.steps.guardWindow({ ...asked, window: 2 })).toMatchObject({ verdict: 'keep' });
    await bench.steps.undoChange({ ...asked, place: 0 });
  });
});

test('views and functions of the user’s own that statements name are noted with the first look', async () => {
  await cluster.sql(`create view seen as select * from visit; create function tax(int) returns int language sql as 'select $1'`);
  const texts = { '1': 'select * from seen', '2': 'select tax(id), lower(note) from visit' };
  const asked = await bench.recommend([], { texts });
  for (const look of [0, 1]) await bench.steps.lookAtStatements({ ...asked, window: 0, look });
  const [first, second] = await bench.store.looks(asked.recommendation);
  expect(first?.opaque?.toSorted()).toEqual(['seen', 'tax']);
  expect(second?.opaque).toBeUndefined();
});
