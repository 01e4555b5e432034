/** Ending what is under way on a source: a request to cancel finds nothing where a session is between two statements. */
import { beforeAll, expect, test } from 'vitest';
import { APPLY_LOCK, alone } from '../../activities/optimizer/apply/session.ts';
import { type Ask, endEarlierAttempts, pidOf, watched } from '../../activities/optimizer/apply/watch.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { quietIo } from '../backup/clone-support.ts';
import { testCluster } from '../support/cluster.ts';
import { session } from './statements-server.ts';

let cluster: EmbeddedCluster;
beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
}, 60_000);

test('a step that is cancelled between two statements ends in the next one', async () => {
  const stopping = new AbortController();
  const io = { ...quietIo(), signal: stopping.signal };
  await session(cluster, 'postgres', async (client) => {
    const pid = await pidOf(client);
    let asked = () => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const ask: Ask = async (use) => {
      const answer = await session(cluster, 'postgres', use);
      asked();
      return answer;
    };
    const work = watched({ pid, ask, io }, async () => {
      stopping.abort();
      // it found nothing to cancel
      await isAsked;
      await client.query('select pg_sleep(60)');
    });
    await expect(work).rejects.toMatchObject({ code: '57014' });
  });
}, 20_000);

test('what is taken back ends the attempt that still builds, whenever it begins its next statement', async () => {
  await session(cluster, 'postgres', async (builder) => {
    await builder.query('select pg_advisory_lock($1)', [APPLY_LOCK]);
    await session(cluster, 'postgres', async (client) => {
      let looks = 0;
      const building: Promise<unknown>[] = [];
      await alone(client, quietIo(), async () => {
        looks += 1;
        await endEarlierAttempts(client);
        // idle when it was asked to end
        if (looks === 1)
          building.push(builder.query('select pg_sleep(60)').catch((error: unknown) => builder.query('select pg_advisory_unlock_all()').then(() => error)));
      });
      expect(await building[0]).toMatchObject({ code: '57014' });
    });
  });
}, 20_000);
