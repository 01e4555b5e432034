import { describe, expect, test } from 'vitest';
import type { RepositoryInfo } from '../../domain/backup/model.ts';
import { decidePreflight, type PreflightSource } from '../../domain/backup/preflight.ts';
import { lsnIn, MB16, name, segment } from './window-case.ts';

const source: PreflightSource = {
  systemIdentifier: '7000000000000000001',
  timeline: 1,
  serverVersionNumber: 150_018,
  inRecovery: false,
  walLevel: 'replica',
  archiveMode: 'on',
  segmentBytes: MB16,
  insertLsn: lsnIn(21, 0.1),
  archiver: { lastArchived: name(20), lastArchivedAt: '2026-11-21T00:00:00Z', failed: 0 },
};

const repository: RepositoryInfo = {
  stanza: 's',
  systemIdentifier: source.systemIdentifier,
  postgresVersion: '15',
  encrypted: true,
  backups: [],
  archiveId: '15-1',
  busy: false,
};

const decide = (more: {
  source?: Partial<PreflightSource>;
  repository?: Partial<RepositoryInfo>;
  newest?: number | null;
  switchedAt?: string | null;
  timeline?: number;
}) =>
  decidePreflight({
    source: { ...source, ...more.source },
    repository: { ...repository, ...more.repository },
    newestSegment: more.newest === null ? null : segment(more.newest ?? 20, more.timeline ?? 1),
    switchedAt: more.switchedAt === undefined ? '0/15000000' : more.switchedAt,
  });

describe('preflight', () => {
  test('goes where the segment that was switched lies in the repository', () => {
    expect(decide({})).toMatchObject({ verdict: 'go' });
    expect(decide({ newest: 25 })).toMatchObject({ verdict: 'go' });
  });

  test('waits for it where it does not, though the server believes it was archived', () => {
    const decision = decide({ newest: 18 });
    expect(decision).toMatchObject({ verdict: 'wait', until: { segment: name(20), lagBytes: Math.floor(2.1 * MB16) } });
    expect(decision.because.join()).toContain(`the server believes ${name(20)} was archived`);
  });

  test('waits where the repository holds no segment at all', () => {
    expect(decide({ newest: null })).toMatchObject({ verdict: 'wait', until: { segment: name(20) } });
  });

  test('a newer name on an older timeline shows nothing', () => {
    expect(decide({ source: { timeline: 2 }, newest: 25, timeline: 1 })).toMatchObject({ verdict: 'wait', until: { segment: name(20, 2) } });
  });

  test('a position on a boundary means the segment before it, one inside it that segment', () => {
    expect(decide({ newest: 20, switchedAt: '0/15000000' })).toMatchObject({ verdict: 'go' });
    expect(decide({ newest: 20, switchedAt: '0/15000001' })).toMatchObject({ verdict: 'wait', until: { segment: name(21) } });
  });

  test('without a switch asks for the last segment that the source has ended', () => {
    expect(decide({ newest: 20, switchedAt: null })).toMatchObject({ verdict: 'go' });
    expect(decide({ newest: 19, switchedAt: null })).toMatchObject({ verdict: 'wait', until: { segment: name(20) } });
    expect(decide({ newest: null, switchedAt: null, source: { insertLsn: '0/100000' } })).toMatchObject({ verdict: 'go' });
  });

  test.each([
    ['another system identifier', { repository: { systemIdentifier: '7' } }, 'system identifier'],
    ['another major version', { repository: { postgresVersion: '14' } }, 'PostgreSQL 15'],
    ['a replica', { source: { inRecovery: true } }, 'replica'],
    ['archiving switched off', { source: { archiveMode: 'off' } }, 'archive_mode'],
    ['wal_level minimal', { source: { walLevel: 'minimal' } }, 'wal_level'],
  ] as const)('refuses %s', (_, change, word) => {
    const decision = decide(change);
    expect(decision.verdict).toBe('refuse');
    expect(decision.because.join()).toContain(word);
  });

  test('names all reasons at once', () => {
    const decision = decide({ source: { archiveMode: 'off', walLevel: 'minimal', systemIdentifier: '9' } });
    expect(decision.because).toHaveLength(3);
  });
});
