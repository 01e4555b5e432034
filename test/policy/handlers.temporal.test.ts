import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { clusterNames } from '../../workers/commands/connection.ts';
import { parseConnection, policyHandlers } from '../../workers/commands/plan-handlers.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { type EmbeddedControl, startControl } from '../../workers/embedded/control.ts';
import { testCluster } from '../support/cluster.ts';

let temporal: TestWorkflowEnvironment;
let control: EmbeddedControl;
let cluster: EmbeddedCluster;
const folder = mkdtempSync(join(tmpdir(), 'assay-handlers-'));
// clones run as another user, who must get there
chmodSync(folder, 0o711);
const options = { file: join(folder, 'assay.yaml'), json: true };

beforeAll(async () => {
  const path = new URL('../../.tools/temporal', import.meta.url).pathname;
  const server = TestWorkflowEnvironment.createLocal({ server: { executable: { type: 'existing-path', path }, log: { format: 'pretty', level: 'error' } } });
  [temporal, cluster, control] = await Promise.all([server, testCluster({ name: 'shop' }), startControl()]);
  vi.stubEnv('ASSAY_TEMPORAL_ADDRESS', temporal.address);
  vi.stubEnv('ASSAY_CONTROL_URL', control.url);
  vi.stubEnv('ASSAY_HOST', 'db1');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
  await Promise.all([temporal?.teardown(), control?.destroy()]);
});

test('the way of a new user: init, doctor, plan, apply, apply, remove', async () => {
  const connection = `postgresql://postgres@/postgres?host=${encodeURIComponent(cluster.socketDirectory)}&port=${cluster.port}`;
  const init = await policyHandlers.init({ connection, signingKey: true, dryRun: false }, options);
  expect(init.written.map((file) => file.replace(folder, ''))).toEqual(['/assay.yaml', '/signing.key', '/signing.pub']);
  expect(init.notes.join()).toContain(`adopts stanza shop of ${cluster.configFile}`);
  // init cannot know a disk for clones; everything else of the file is used as it was written
  writeFileSync(options.file, readFileSync(options.file, 'utf8').replace('/var/lib/assay/clones', join(folder, 'clones')));
  expect(clusterNames(options)).toEqual(['shop']);

  const doctor = await policyHandlers.doctor({}, options);
  const faults = doctor.filter(({ outcome }) => outcome === 'fault').map(({ name }) => name);
  // nothing was applied and no worker runs yet: exactly that is missing
  expect([...new Set(faults)].sort()).toEqual(['grants', 'workers']);
  await expect(policyHandlers.doctor({ cluster: 'till' }, options)).rejects.toThrow(/no cluster till/);

  const plan = await policyHandlers.plan(options);
  expect(plan.changes.map(({ subject }) => subject)).toEqual(expect.arrayContaining(['sql', 'policy', 'schedule']));
  expect(plan.runs.every(({ next }) => next.length === 3)).toBe(true);

  const shown: string[] = [];
  const applied = await policyHandlers.apply({ confirmRemovals: false }, options, ({ what }) => shown.push(what));
  expect(shown).toEqual(plan.changes.map(({ what }) => what));
  expect(applied.done).toEqual(plan.changes);
  expect((await policyHandlers.apply({ confirmRemovals: false }, options, () => {})).done).toEqual([]);
  expect((await policyHandlers.doctor({}, options)).filter(({ name, outcome }) => name === 'grants' && outcome !== 'ok')).toEqual([]);

  expect((await policyHandlers.remove({ cluster: 'shop', dryRun: true }, options, () => {})).changes).not.toEqual([]);
  await policyHandlers.remove({ cluster: 'shop', dryRun: false }, options, () => {});
  expect(await cluster.sql(`select to_regnamespace('assay') is null as gone`)).toEqual([{ gone: true }]);
});

test('a password in the connection string is refused: it would land in the file', async () => {
  await expect(policyHandlers.init({ connection: 'postgresql://u:hunter2@h/d', signingKey: false, dryRun: true }, options)).rejects.toThrow(/holds a password/);
});

test('a connection is read as libpq reads it; what is none is usage', () => {
  expect(parseConnection('postgresql://me@:5433/shop')).toEqual({ host: 'localhost', port: 5433, user: 'me', database: 'shop' });
  expect(parseConnection('postgresql://me@/shop?host=/run&port=5433')).toEqual({ host: '/run', port: 5433, user: 'me', database: 'shop' });
  expect(() => parseConnection('postgresql://me@db1:notaport/shop')).toThrow(/is no URL/);
});

test('config show as data keeps secrets to itself', async () => {
  const { text, data } = await policyHandlers.configShow(options);
  expect(text + JSON.stringify(data)).not.toContain(control.url);
  expect(JSON.stringify(data)).toContain('"ASSAY_HOST","value":"db1"');
});
