import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkCapture } from '../../activities/doctor/check-capture.ts';
import { defaultOptimizerPolicy } from '../../domain/optimizer/policy.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { createSourceObjects } from '../../workers/commands/plan-source-objects.ts';
import { readSecret } from '../../workers/config.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-capture-'));
const key = join(folder, 'key');
let cluster: EmbeddedCluster;
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off', logging_collector: 'on' } });
  await cluster.sql('create role keeper login; create role stranger login');
  await createSourceObjects(readSecret, (connection) => ({ ...connection, user: 'postgres' })).apply(capturing());
});

const capturing = (user = 'keeper', values = true): ClusterPolicy =>
  cluster.policy((made) => ({
    ...made,
    connection: { ...made.connection, user },
    optimizer: { ...defaultOptimizerPolicy, capture: { ...defaultOptimizerPolicy.capture, values, key: `file:${key}` } },
  }));

test('where values are captured: the key, and the log as the role of a plan reads it', async () => {
  const check = (policy: ClusterPolicy) => checkCapture(policy, readSecret);
  expect(await check(capturing('keeper', false))).toEqual([]);
  expect(await check(capturing())).toMatchObject([{ outcome: 'warning', line: expect.stringContaining(key), fix: expect.stringContaining('openssl rand') }]);
  writeFileSync(key, Buffer.alloc(32).toString('base64'));
  chmodSync(key, 0o600);
  expect(await check(capturing())).toMatchObject([{ outcome: 'ok', line: expect.stringContaining(`come from ${cluster.dataDirectory}/log/`) }]);
  expect(await check(capturing('stranger'))).toMatchObject([
    { outcome: 'warning', line: expect.stringContaining('may not ask where it is'), fix: 'GRANT pg_monitor TO "stranger", which `assay plan --sql` prints' },
  ]);
});
