import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import { paintFor } from '../../ops/cli/paint.ts';
import { proofText, restorePointText } from '../../ops/cli/show-proofs.ts';

const paint = paintFor({ color: false, columns: 120, zone: 'UTC', now: () => new Date('2026-11-21T10:00:00Z') });
const proof: ProofSummary = {
  ...{ id: 'p1', cluster: 'shop', backup: 'B', verdict: 'proven', level: 'content', cause: null, findings: 1 },
  because: ['all is well'],
  certificate: { json: '/e/p1.json', html: '/e/p1.html' },
  finishedAt: '2026-11-21T09:59:00Z',
};

test('says what was compared and measured, what was found beside it, and what was left out', () => {
  const text = proofText(
    {
      ...proof,
      found: ['data checksums are off'],
      coverage: { share: 0.9999, tables: 12, tablesCovered: 11, notCovered: ['shop: public.secret (row-security)'], notCoveredNotListed: 3 },
      recoveryTimeMs: 9_217,
      recoveryPointMs: 1_094,
    },
    paint,
  );
  expect(text).toMatch(/compared +11 of 12 tables, 99\.9 % of their bytes/);
  expect(text).toMatch(/measured +back in 9\.2 s, newest row that came back 1\.0 s old/);
  expect(text).toContain('  ! data checksums are off\n');
  expect(text).toContain('  not covered: shop: public.secret (row-security)\n  not covered: 3 more, named in the certificate\n');
});

test('one that an older worker made says less', () => {
  const text = proofText(proof, paint);
  expect(text).toContain('· all is well');
  expect(text).not.toMatch(/compared|measured|not covered/);
});

test('a reason in several lines stays one reason', () => {
  expect(proofText({ ...proof, because: ['the clone stopped:\nFATAL: x'] }, paint)).toContain('  · the clone stopped:\n    FATAL: x\n');
});

test.each(['plain', 'r%p; $(id) `id`', "it's", 'a "b" \\ $HOME', '', 'two\nlines'])('a command that is shown to be copied means the very name: %j', (name) => {
  const text = restorePointText('shop', { name, lsn: '0/1', archivedAt: '2026-11-21T10:00:00.000Z' }, paint);
  const [, command = ''] = /come back +([\s\S]*) --into DIR\n/.exec(text) ?? [];
  const said = execFileSync('sh', ['-c', `assay() { printf %s "$5"; }; ${command}`], { encoding: 'utf8' });
  expect(said).toBe(name);
});
