/** What HypoPG cannot judge, from the statement to the recommendation: found, really built, and kept where execution says so. */
import { hostname } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Control, openControl } from '../../activities/control/control-database.ts';
import { createOptimizerStore } from '../../activities/control/optimizer-store.ts';
import { bindStatements } from '../../activities/optimizer/bind/bind.ts';
import type { OptimizerStore } from '../../activities/optimizer/ports.ts';
import { searchSets } from '../../activities/optimizer/search-sets.ts';
import { createOptimizerSteps, type OptimizerSteps } from '../../activities/optimizer/steps.ts';
import { workloadFromFiles } from '../../activities/optimizer/workload/files.ts';
import { withConnection } from '../../activities/pg.ts';
import { limitsOf } from '../../domain/optimizer/limits.ts';
import type { Statement } from '../../domain/optimizer/model.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { quietIo } from '../backup/clone-support.ts';
import { testCluster } from '../support/cluster.ts';
import { unusedApply } from './apply-support.ts';

let cluster: EmbeddedCluster;
let control: Control;
let store: OptimizerStore;
let steps: OptimizerSteps;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
  await cluster.sql('create database control');
  await cluster.sql(`create extension hypopg; create schema ext; create extension pg_trgm schema ext;
    create table doc (id int primary key, title text, body jsonb, during int4range, place point, city int, zip int, pad text);
    insert into doc select n, md5(n::text) || md5((n * 7)::text), jsonb_build_object('k', n % 5000, 'v', md5(n::text)), int4range(n, n + 5), point(n, n % 100),
      n % 100, n % 100, repeat('x', 50) from generate_series(1, 30000) n`);
  await cluster.sql('vacuum analyze doc');
  control = await openControl(`postgres://postgres@localhost:${cluster.port}/control?host=${encodeURIComponent(cluster.socketDirectory)}`);
  await control.migrate();
  store = createOptimizerStore(control);
  steps = createOptimizerSteps({
    ...{ ...unusedApply, store, bind: bindStatements, search: searchSets, workloadFromFiles, io: quietIo, now: () => new Date() },
    labSession: ({ policy }, options, use) => withConnection(policy.connection, () => '', options, use),
    sourceSession: (policy, database, use) => withConnection(policy.connection, () => '', { database }, use),
    observe: () => {},
  });
}, 60_000);
afterAll(() => control?.close());

let number = 0;

async function asked(texts: readonly string[]) {
  number += 1;
  const run = `l-${number}`;
  const counts = { kind: 'select', calls: 20, totalMs: 100, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 } as const;
  const statements = texts.map((text, place): Statement => ({ id: `${run}-${place}`, database: 'postgres', text, ...counts }));
  const head = { id: run, cluster: 'main', database: 'postgres', owner: 'test', source: 'files', startedAt: new Date().toISOString(), settings: {} } as const;
  await store.begin(head, { statements, notJudged: [], notices: [] });
  const clone = { id: 'c', cluster: 'main', host: hostname(), directory: '/nowhere' };
  const limits = limitsOf({ repeats: 4, searchMs: 5_000 });
  return { policy: cluster.policy(), clone, run, limits, workload: null, proof: 'p', backup: 'B' };
}

/** The whole way of a run, in short: what is recommended, as SQL without names. */
async function recommendedFor(text: string): Promise<readonly string[]> {
  const on = await asked([text]);
  const { sets } = await steps.searchSets(on);
  if (sets === 0) return [];
  const recommendation = `r-${on.run}`;
  await steps.settleFinalist({ ...on, finalist: sets - 1, experiment: `e-${on.run}`, recommendation });
  const made = await store.findRecommendation(recommendation);
  return (made?.indexes ?? []).map(({ sql }) => sql.replace(/^.* USING /, ''));
}

test.each([
  ['a word inside a text, by trigrams, whatever schema they are in', `select id from doc where title like '%c4ca4238a0%'`, `gin ("title" "ext".gin_trgm_ops);`],
  ['a document that holds another: the smaller kind of the two', `select id from doc where body @> '{"k": 77}'`, `gin ("body" jsonb_path_ops);`],
  ['ranges that meet', `select id from doc where during && '[500,510)'::int4range`, `gist ("during");`],
  ['points in a box', `select id from doc where place <@ '(5,5),(9,9)'::box`, `gist ("place");`],
])('%s', async (_, text, index) => expect(await recommendedFor(text)).toEqual([index]), 30_000);
