/** The session in which the optimizer looks at a source, as a worker makes it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BackupDependencies } from '../../activities/backup/ports.ts';
import { type Control, openControl } from '../../activities/control/control-database.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { optimizerDependencies } from '../../workers/optimizer-dependencies.ts';
import { testCluster } from '../support/cluster.ts';

let cluster: EmbeddedCluster;
let control: Control;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
  control = await openControl(`postgres://postgres@localhost:${cluster.port}/postgres?host=${encodeURIComponent(cluster.socketDirectory)}`);
}, 60_000);
afterAll(() => control?.close());

const look = (database: string) => {
  const { sourceSession } = optimizerDependencies({} as BackupDependencies, control);
  return sourceSession(cluster.policy(), database, async (client) => (await client.query('select current_database() as name')).rows);
};

test('a database that is not there is a wrong name, no cluster that does not answer', async () => {
  expect(await look('postgres')).toEqual([{ name: 'postgres' }]);
  await expect(look('Postgres')).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('has no database Postgres') });
});
