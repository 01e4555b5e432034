import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import type { BackupStatus } from '../../domain/backup/status.ts';
import { isAssayError } from '../../domain/errors.ts';
import { certificateOutcome } from '../../ops/cli/certificate-files.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cert-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const proof = (backup: string, finishedAt: string): ProofSummary => ({
  id: backup,
  cluster: 'shop',
  backup,
  verdict: 'proven',
  level: 'content',
  cause: null,
  because: ['12 of 12 tables equal'],
  findings: 0,
  certificate: { json: join(folder, `${backup}.json`), html: join(folder, `${backup}.html`) },
  finishedAt,
});

const status = (): BackupStatus => ({
  cluster: 'shop',
  environment: 'dev',
  at: '2026-11-21T10:00:00Z',
  backups: [],
  proofs: [proof('old', '2026-11-20T10:00:00Z'), proof('new', '2026-11-21T10:00:00Z')],
  provenAt: null,
  window: [],
  gaps: [],
  archive: [],
  clones: [],
  running: [],
  objectives: { rpoMs: null, rtoMs: null, proofAgeMs: 1 },
});

test('the newest proof, unless a backup is named', async () => {
  expect((await certificateOutcome(status(), { label: undefined, out: undefined })).data).toMatchObject({ proof: { backup: 'new' }, document: null });
  expect((await certificateOutcome(status(), { label: 'old', out: undefined })).data).toMatchObject({ proof: { backup: 'old' } });
});

test('copies both files where this host can read them', async () => {
  writeFileSync(join(folder, 'new.json'), '{"id":"new"}');
  writeFileSync(join(folder, 'new.html'), '<p>');
  const { data } = await certificateOutcome(status(), { label: 'new', out: join(folder, 'out') });
  expect(data).toMatchObject({ document: { id: 'new' } });
  expect(readdirSync(join(folder, 'out'))).toEqual(['new.html', 'new.json']);
});

test('says where they lie where it cannot', async () => {
  const refused = await certificateOutcome(status(), { label: 'old', out: join(folder, 'out') }).catch((error: unknown) => error);
  expect(isAssayError(refused, 'usage') && refused.hint).toContain(join(folder, 'old.json'));
});

test('a backup that is not there is named', async () => {
  const refused = await certificateOutcome(status(), { label: 'nope', out: undefined }).catch((error: unknown) => error);
  expect(isAssayError(refused, 'backup-unknown')).toBe(true);
});
