/** What may happen while an index is built on the source: nothing half made stays, and the next attempt ends well. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { btree } from '../../domain/optimizer/index-sql.ts';
import { recommendedIndex } from '../../domain/optimizer/recommendation.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { quietIo } from '../backup/clone-support.ts';
import { testCluster } from '../support/cluster.ts';
import { type ApplyBench, type Asked, applyBench, applyInProcess, applyStepsOn } from './apply-support.ts';
import { session } from './statements-server.ts';

let cluster: EmbeddedCluster;
let bench: ApplyBench;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
  await cluster.sql(`create table visit (id int primary key, who int not null, page int not null);
    insert into visit select n, n % 2000, n % 300 from generate_series(1, 100000) n; analyze visit`);
  // what a production leaves in peace for minutes
  bench = await applyBench(cluster, { optimizer: { lockTimeoutMs: 1_000 } });
}, 60_000);
afterAll(() => bench?.control.close());

const visit = { schema: 'public', relation: 'visit' };
const index = (sizeBytes = 1_000) => recommendedIndex(btree(visit, ['who']), { sizeBytes, buildMs: 20, leaveOneOut: 2 });
const indexes = () => cluster.sql(`select i.indisvalid as valid from pg_index i where i.indrelid = 'visit'::regclass and not i.indisprimary`);

const oids = () => cluster.sql(`select i.indexrelid from pg_index i where i.indrelid = 'visit'::regclass and not i.indisprimary`);

async function until(look: () => Promise<boolean>): Promise<void> {
  while (!(await look())) await pause(50);
}

/** The build has begun, and waits for whoever wrote to the table. */
const building = () =>
  until(
    async () => (await cluster.sql(`select from pg_stat_activity where application_name like 'assay-optimizer %' and wait_event_type = 'Lock'`)).length > 0,
  );

/** While `use` runs a transaction that wrote to the table stays open. */
async function withWriter<T>(use: (end: () => Promise<unknown>) => Promise<T>): Promise<T> {
  const client = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database: 'postgres' });
  client.on('error', () => {});
  await client.connect();
  await client.query('begin; update visit set page = page where id = 1');
  try {
    return await use(() => client.query('commit'));
  } finally {
    await client.end().catch(() => {});
  }
}

const gone = async (asked: Asked) => {
  await bench.steps.undoChange({ ...asked, place: 0 });
  expect(await indexes()).toEqual([]);
};

describe('a worker killed while it builds', () => {
  const killed = async (asked: Asked) => {
    const child = applyInProcess(bench, asked);
    await building();
    child.kill('SIGKILL');
    await once(child, 'exit');
  };

  test('the backend builds on; the next attempt waits for it and finds it done', async () => {
    const asked = await bench.recommend([index()]);
    await withWriter(async (end) => {
      await killed(asked);
      const [first] = await oids();
      let waits = 0;
      const io = () => ({ ...quietIo(), beat: () => (waits += 1) });
      const next = applyStepsOn(bench.control, { io }).applyChange({ ...asked, place: 0 });
      await until(async () => waits > 0);
      await end();
      expect(await next).toMatchObject({ outcome: 'built' });
      expect(await oids()).toEqual([first]);
    });
    expect(await indexes()).toEqual([{ valid: true }]);
    await gone(asked);
  });

  test('taken back meanwhile: the build is ended, and nothing of it is left', async () => {
    const asked = await bench.recommend([index()]);
    await withWriter(async (end) => {
      await killed(asked);
      const undone = bench.steps.undoChange({ ...asked, place: 0 });
      await until(
        async () =>
          (
            await cluster.sql(
              `select from pg_stat_activity where query like '%CREATE INDEX%' and application_name like 'assay-optimizer %' and state = 'active'`,
            )
          ).length === 0,
      );
      await end();
      expect(await undone).toEqual({ outcome: 'dropped' });
    });
    expect(await indexes()).toEqual([]);
  });

  test('and its backend too: the INVALID index is dropped and built anew', async () => {
    const asked = await bench.recommend([index()]);
    await withWriter(async () => {
      await killed(asked);
      await cluster.sql(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name like 'assay-optimizer %'`);
    });
    expect(await indexes()).toEqual([{ valid: false }]);
    expect(await bench.steps.applyChange({ ...asked, place: 0 })).toMatchObject({ outcome: 'built' });
    expect(await indexes()).toEqual([{ valid: true }]);
    await gone(asked);
  });
});

test('cancelled while it builds: the backend stops, and undoing leaves nothing', async () => {
  const asked = await bench.recommend([index()]);
  const stop = new AbortController();
  await withWriter(async () => {
    const steps = applyStepsOn(bench.control, { io: () => ({ ...quietIo(), signal: stop.signal }) });
    const cancelled = steps.applyChange({ ...asked, place: 0 }).then(
      () => null,
      (error: unknown) => error,
    );
    await building();
    stop.abort();
    expect(await cancelled).toMatchObject({ code: 'cancelled' });
  });
  await gone(asked);
});

test('the server restarted during the build: retryable, and the next attempt ends well', async () => {
  const asked = await bench.recommend([index()]);
  await withWriter(async () => {
    const broken = bench.steps.applyChange({ ...asked, place: 0 }).then(
      () => null,
      (error: unknown) => error,
    );
    await building();
    await cluster.stop('immediate');
    expect(await broken).toMatchObject({ code: 'cluster-unreachable', retryable: true });
  });
  await cluster.start();
  expect(await indexes()).toEqual([{ valid: false }]);
  expect(await bench.steps.applyChange({ ...asked, place: 0 })).toMatchObject({ outcome: 'built' });
  await gone(asked);
});

describe('a lock', () => {
  test('held by a writer: others go on writing while the build waits, and it ends well once that one is done', async () => {
    const asked = await bench.recommend([index()]);
    await withWriter(async (end) => {
      const applied = bench.steps.applyChange({ ...asked, place: 0 });
      await building();
      await session(cluster, 'postgres', async (other) => {
        await other.query(`set statement_timeout = '2s'`);
        for (let write = 2; write < 50; write += 1) await other.query('update visit set page = page where id = $1', [write]);
      });
      await end();
      expect(await applied).toMatchObject({ outcome: 'built' });
    });
    await gone(asked);
  });

  test('on the whole table for as long as two tries: the build comes through afterwards', async () => {
    const quick = { ...bench.policy, optimizer: { ...bench.policy.optimizer, lockTimeoutMs: 20 } } as typeof bench.policy;
    const asked = { ...(await bench.recommend([index()])), policy: quick };
    await session(cluster, 'postgres', async (other) => {
      await other.query('begin; lock table visit in access exclusive mode');
      let tries = 0;
      const io = () => ({ ...quietIo(), beat: () => (tries += 1) });
      const applied = applyStepsOn(bench.control, { io }).applyChange({ ...asked, place: 0 });
      await until(async () => tries >= 2);
      await other.query('commit');
      expect(await applied).toMatchObject({ outcome: 'built' });
    });
    await gone(asked);
  });
});

describe.runIf(process.getuid?.() === 0)('no room', () => {
  let small = '';
  beforeAll(async () => {
    small = join(cluster.directory, 'small');
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m,mode=0700', 'tmpfs', small]);
    execFileSync('chown', ['--reference', cluster.directory, small]);
    await cluster.sql(`create tablespace small location '${small}'`);
    await cluster.sql('alter database postgres set default_tablespace = small');
  });
  afterAll(async () => {
    await cluster.sql('alter database postgres reset default_tablespace');
    execFileSync('umount', ['-l', small]);
  });

  test('is known before anything is begun', async () => {
    const asked = await bench.recommend([index(2_000_000)]);
    await expect(bench.steps.prepareApply(asked)).rejects.toMatchObject({ code: 'refused-by-guard', message: expect.stringContaining('bytes free') });
    expect(await bench.steps.prepareApply(await bench.recommend([index(500_000)]))).toMatchObject({ roomBytes: expect.any(Number), neededBytes: 1_000_000 });
  });

  test('in the middle of the build: disk-full, and nothing of it is left', async () => {
    writeFileSync(join(small, 'ballast'), Buffer.alloc(1_500_000));
    const asked = await bench.recommend([index()]);
    await expect(bench.steps.applyChange({ ...asked, place: 0 })).rejects.toMatchObject({ code: 'disk-full' });
    expect(await indexes()).toEqual([]);
    expect(await bench.steps.undoChange({ ...asked, place: 0 })).toEqual({ outcome: 'not-there' });
  });
});
