import { expect, test } from 'vitest';
import type { BackupRecord } from '../../domain/backup/model.ts';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import { standingOf } from '../../domain/backup/standing.ts';
import type { BackupStatus, WindowPart } from '../../domain/backup/status.ts';
import { paintFor } from '../../ops/cli/paint.ts';
import { statusText } from '../../ops/cli/show-status.ts';

const at = '2026-11-21T10:00:00Z';
const now = Date.parse(at);
const backup: BackupRecord = {
  label: 'A',
  type: 'full',
  repository: 1,
  prior: null,
  references: [],
  startedAt: at,
  stoppedAt: at,
  startLsn: '0/1',
  stopLsn: '0/2',
  timeline: 1,
  startSegment: '',
  stopSegment: '',
  databaseBytes: 1,
  repositoryBytes: 1,
  hasPageErrors: false,
  requestKey: null,
  engineVersion: '2.45',
};
const proof = (verdict: ProofSummary['verdict'], finishedAt = at, label = 'A'): ProofSummary => ({
  ...{ id: label, cluster: 'shop', backup: label, verdict, level: null, cause: null, because: ['its reason'], findings: 0 },
  certificate: { json: '', html: '' },
  finishedAt,
});
const gap = { repository: 1, firstMissing: '000000010000000000000007', lastMissing: '000000010000000000000007', segments: 1, after: at, until: null };
const good: BackupStatus = {
  ...{ cluster: 'shop', environment: 'dev', at, backups: [backup], proofs: [proof('proven')], provenAt: at },
  ...{ window: [], gaps: [], archive: [], clones: [], running: [], objectives: { rpoMs: null, rtoMs: null, proofAgeMs: 86_400_000 } },
};

test.each<[string, Partial<BackupStatus>, string, RegExp]>([
  ['proven in time', {}, 'good', /not older/],
  ['proven by a clock that ran ahead', { provenAt: '2036-11-21T10:00:00Z' }, 'not-proven', /of the future/],
  [
    'proven, with a repository that does not answer',
    { unreachable: [{ repository: 2, reason: 'down' }] },
    'not-proven',
    /repository 2 holds is not known: down/,
  ],
  ['nothing seen, with a repository that does not answer', { backups: [], unreachable: [{ repository: 2, reason: 'down' }] }, 'not-proven', /repository 2/],
  ['a failed proof of a backup that is still there', { proofs: [proof('failed')] }, 'fault', /proof of A failed: its reason/],
  ['missing WAL', { gaps: [gap] }, 'fault', /lacks 1 WAL segment\(s\) from 000000010000000000000007/],
  ['damaged pages at backup', { backups: [{ ...backup, hasPageErrors: true }] }, 'fault', /damaged pages/],
  ['no backup', { backups: [], proofs: [] }, 'not-proven', /no backup/],
  ['never proven', { proofs: [], provenAt: null }, 'not-proven', /ever proven/],
  ['a stale proof', { provenAt: '2026-11-19T10:00:00Z' }, 'not-proven', /older than the policy allows/],
  ['the newest one inconclusive', { proofs: [proof('proven', '2026-11-20T10:00:00Z'), proof('inconclusive', at)] }, 'not-proven', /could not be made/],
  ['a failed proof of a backup that was expired', { proofs: [proof('proven'), proof('failed', '2026-11-01T10:00:00Z', 'gone')] }, 'good', /not older/],
])('%s', (_what, change, standing, because) => {
  const found = standingOf({ ...good, ...change }, now);
  expect(found.standing).toBe(standing);
  expect(found.because.join('; ')).toMatch(because);
});

test('a fault comes before a doubt, and neither hides the other', () => {
  const found = standingOf({ ...good, gaps: [gap], provenAt: null, proofs: [] }, now);
  expect(found).toEqual({ standing: 'fault', because: [expect.stringMatching(/lacks/), expect.stringMatching(/ever proven/)] });
});

test('of a long window the newest parts are shown, and every gap', () => {
  const day = (number: number) => new Date(Date.UTC(2026, 9, number)).toISOString();
  const part = (number: number): WindowPart => ({ repository: 1, state: 'reachable', from: day(number), to: day(number + 1), because: `part-${number}.` });
  const window = Array.from({ length: 40 }, (_, number) => part(number));
  const text = statusText(
    { ...good, window, gaps: [{ ...gap, after: day(1) }] },
    paintFor({ color: false, columns: 120, zone: 'UTC', now: () => new Date(now) }),
  );
  expect([text.includes('part-25.'), text.includes('part-26.'), text.includes('part-39.')]).toEqual([false, true, true]);
  expect(text).toContain('26 older parts are not shown; `--json` has them');
  expect(text).toContain(gap.firstMissing);
});
