import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { readConfig, readSecret, showConfig, temporalConnection, temporalOf } from '../../workers/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('an empty environment gives the defaults', () => {
  const config = readConfig({});
  expect(config).toMatchObject({ metrics: { address: '127.0.0.1', port: 9464 }, controlUrl: null, temporal: { address: null, tls: null } });
  expect(config.policyFile).toBe(join(process.cwd(), 'assay.yaml'));
  expect(config.host).not.toBe('');
});

test('all faults come at once, and no secret is shown', () => {
  const bad = {
    ASSAY_CONTROL_URL: 'hunter2',
    ASSAY_PAYLOAD_KEY: 'hunter3',
    ASSAY_METRICS_PORT: '99999',
    ASSAY_TEMPORAL_ADDRESS: 'nowhere',
    ASSAY_TEMPORAL_TLS_KEY: '/k',
  };
  const fault = (() => {
    try {
      readConfig(bad);
      return '';
    } catch (error) {
      return String(error);
    }
  })();
  for (const name of Object.keys(bad)) expect(fault).toContain(name);
  expect(fault).toContain('5 fault(s)');
  expect(fault).not.toMatch(/hunter/);
});

test('the environment goes before the policy, the policy before the default', () => {
  const policy = { temporal: { address: 'p:1', namespace: 'shop', tls: null } };
  expect(temporalOf(readConfig({ ASSAY_TEMPORAL_ADDRESS: 'e:1' }), policy)).toEqual({ address: 'e:1', namespace: 'shop', tls: null });
  expect(temporalOf(readConfig({}), null).address).toBe('127.0.0.1:7233');
});

test('config show prints stars for secrets', () => {
  const shown = showConfig({ ASSAY_CONTROL_URL: 'postgresql://u:hunter2@h/d', ASSAY_HOST: 'db1' });
  expect(shown).toContain('ASSAY_CONTROL_URL=********');
  expect(shown).toContain('ASSAY_HOST=db1');
  expect(shown).not.toContain('hunter2');
});

test('a secret comes from a variable or from a file only its owner reads', () => {
  const file = join(folder, 'key');
  writeFileSync(file, 'deep\n', { mode: 0o600 });
  vi.stubEnv('ASSAY_TEST_SECRET', 'shallow');
  expect(readSecret('env:ASSAY_TEST_SECRET')).toBe('shallow');
  expect(readSecret(`file:${file}`)).toBe('deep');
  chmodSync(file, 0o400);
  expect(readSecret(`file:${file}`)).toBe('deep');
  chmodSync(file, 0o640);
  expect(() => readSecret(`file:${file}`)).toThrow(/0640: others may read it/);
  vi.unstubAllEnvs();
});

test('a secret that is no reference is refused and not repeated', () => {
  expect(() => readSecret('hunter2')).toThrow(/neither env:NAME nor file:/);
  expect(() => readSecret('hunter2')).not.toThrow(/hunter2/);
  expect(() => readSecret('env:ASSAY_NOT_SET')).toThrow(/the variable is not set/);
  expect(() => readSecret(`file:${folder}/none`)).toThrow(/cannot read the secret/);
});

test('a certificate for Temporal that is not there is named, with the keys that name it', () => {
  const config = readConfig({ ASSAY_TEMPORAL_TLS_CA: '/nowhere/ca.pem' });
  expect(() => temporalConnection(config, null)).toThrow(expect.objectContaining({ code: 'usage', message: expect.stringContaining('/nowhere/ca.pem') }));
});
