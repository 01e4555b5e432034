import { existsSync, readFileSync } from 'node:fs';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EmbeddedTemporal, startTemporal } from '../../workers/embedded/temporal.ts';

let server: EmbeddedTemporal;
beforeAll(async () => {
  server = await startTemporal({ searchAttributes: { AssayCluster: 'Keyword' } });
});
afterAll(() => server?.destroy());

async function withClient<T>(use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: server.address, connectTimeout: 1_000 });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

test('the UI answers', async () => {
  expect((await fetch(`${server.uiUrl}/`)).status).toBe(200);
});

test('a workflow that was acknowledged survives kill -9 of the server', async () => {
  await withClient((client) =>
    client.workflow.start('nobody-runs-it', {
      workflowId: 'kept',
      taskQueue: 'none',
      // the attribute was registered at start, or this is refused
      searchAttributes: { AssayCluster: ['shop'] },
    }),
  );
  const { pid } = server;
  await server.kill('SIGKILL');
  await expect(withClient(async () => {})).rejects.toThrow();
  await server.start();
  expect(server.pid).not.toBe(pid);
  expect(await withClient(async (client) => (await client.workflow.getHandle('kept').describe()).status.name)).toBe('RUNNING');
});

test('one that cannot start says why', async () => {
  const port = Number(server.address.split(':')[1]);
  await expect(startTemporal({ port })).rejects.toThrow(/address already in use|can't set frontend port/i);
});

test('destroyed, it leaves neither process nor folder', async () => {
  const other = await startTemporal({ headless: true });
  await other.destroy();
  await other.destroy();
  expect(existsSync(other.directory)).toBe(false);
  expect(() => readFileSync(`/proc/${other.pid}/stat`)).toThrow();
});
