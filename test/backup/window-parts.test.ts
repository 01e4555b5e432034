import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BackupRecord } from '../../domain/backup/model.ts';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import { restorableWindow } from '../../domain/backup/window.ts';
import { windowParts } from '../../domain/backup/window-parts.ts';
import { backup, MB16, minute, segments } from './window-case.ts';

/** Backups in segments 2, 12 and 22 of thirty. */
const backups = [backup(2), backup(12), backup(22)];
const end = (of: BackupRecord) => new Date(Date.parse(of.stoppedAt) + 1_000).toISOString();
const proof = (of: BackupRecord, provenAt: string | null, more: Partial<ProofSummary> = {}): ProofSummary => ({
  ...{ id: of.label, cluster: 'shop', backup: of.label, verdict: 'proven', level: 'content', cause: null, because: [], findings: 0 },
  ...{ certificate: { json: '', html: '' }, finishedAt: minute(40), provenAt, repository: 1 },
  ...more,
});
const parts = (proofs: readonly ProofSummary[]) => {
  const [interval] = restorableWindow({ backups, segments: segments(1, 30), segmentBytes: MB16, source: null }).intervals;
  if (interval === undefined) throw new Error('there is one');
  return windowParts({ repository: 1, interval, backups, proofs });
};
const spans = (proofs: readonly ProofSummary[]) => parts(proofs).map(({ state, from, to }) => [state, from, to]);
const [first, second] = backups as [BackupRecord, BackupRecord];

describe('a part of the restorable window', () => {
  test('is proven as far as a restore went, and only reachable from there on', () => {
    expect(spans([proof(second, minute(14))])).toEqual([
      ['reachable', end(first), end(second)],
      ['proven', end(second), minute(14)],
      ['reachable', minute(14), minute(30)],
    ]);
    expect(parts([proof(second, minute(14))]).at(-1)?.because).toBe('backup B000012 and unbroken WAL');
  });

  test('is proven between backups where one restore went on from the first past the second', () => {
    expect(spans([proof(first, minute(13)), proof(second, minute(14))])).toEqual([
      ['proven', end(first), minute(14)],
      ['reachable', minute(14), minute(30)],
    ]);
  });

  test('is not proven by a proof that failed, that was made in another repository, or of a backup that is gone', () => {
    const none = [['reachable', end(first), minute(30)]];
    expect(spans([])).toEqual(none);
    expect(spans([proof(first, minute(20), { verdict: 'failed' }), proof(first, minute(20), { repository: 2 }), proof(backup(3), minute(20))])).toEqual(none);
  });

  test('of a proof without a moment is the end of its backup', () => {
    expect(spans([proof(second, null)])).toContainEqual(['proven', end(second), end(second)]);
  });

  test('begins where the one before it ends, whatever was proven', () => {
    const some = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: -5, max: 60 })), { maxLength: 6 });
    fc.assert(
      fc.property(some, (proven) => {
        const found = parts(proven.map(([which, at]) => proof(backups[which] as BackupRecord, minute(at))));
        expect([found[0]?.from, found.at(-1)?.to]).toEqual([end(first), minute(30)]);
        expect(found.slice(1).map(({ from }) => from)).toEqual(found.slice(0, -1).map(({ to }) => to));
        expect(found.filter(({ state, from, to }) => from > to || (state === 'reachable' && from === to))).toEqual([]);
      }),
    );
  });
});
