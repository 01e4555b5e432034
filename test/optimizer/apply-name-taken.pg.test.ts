/** Somebody else makes an index of the same name right before Assay would: theirs is never taken away. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { btree } from '../../domain/optimizer/index-sql.ts';
import { recommendedIndex } from '../../domain/optimizer/recommendation.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { type ApplyBench, applyBench, applyStepsOn } from './apply-support.ts';

let cluster: EmbeddedCluster;
let bench: ApplyBench;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
  await cluster.sql('create table visit (id int primary key, who int, page int, note text)');
  bench = await applyBench(cluster);
}, 60_000);
afterAll(() => bench?.control.close());

const index = recommendedIndex(btree({ schema: 'public', relation: 'visit' }, ['page', 'who']), { sizeBytes: 8192, buildMs: 1, leaveOneOut: 2 });

const indexes = () =>
  cluster.sql(`select c.relname as name, i.indisvalid as valid, obj_description(c.oid, 'pg_class') as comment
    from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = 'visit'::regclass and not i.indisprimary`);

/** At the last moment: the deed is written down, nothing is built yet. */
const withForeign = (sql: string) =>
  applyStepsOn(bench.control, {
    applyStore: {
      ...bench.store,
      async begin(deed) {
        await bench.store.begin(deed);
        await cluster.sql(sql);
      },
    },
  });

test('with the same SQL: it is used, and undoing leaves it', async () => {
  const asked = await bench.recommend([index]);
  expect(await withForeign(index.sql).applyChange({ ...asked, place: 0 })).toMatchObject({ outcome: 'already-there' });
  expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'not-there' });
  expect(await indexes()).toEqual([{ name: index.name, valid: true, comment: null }]);
  await cluster.sql(`drop index "${index.name}"`);
});

test('another one of that name: refused, and it stays', async () => {
  const asked = await bench.recommend([index]);
  await expect(withForeign(`create index "${index.name}" on visit (id, note)`).applyChange({ ...asked, place: 0 })).rejects.toMatchObject({
    code: 'refused-by-guard',
    message: expect.stringContaining('which Assay did not make'),
  });
  expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'not-there' });
  expect(await indexes()).toHaveLength(1);
  await cluster.sql(`drop index "${index.name}"`);
});
