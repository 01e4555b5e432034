import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { causeOfError } from '../../domain/backup/cause-of-error.ts';
import type { Cause, CheckName, CheckOutcome, CheckResult } from '../../domain/backup/model.ts';
import { FAULTS, isFault, judge, judgeEnded } from '../../domain/backup/verdict.ts';
import { AssayError } from '../../domain/errors.ts';
import { check, evidence, marker, replaced, sound, table } from './verdict-case.ts';

describe('a verdict', () => {
  it('is proven with content where every database was compared equal', () => {
    expect(judge(evidence())).toMatchObject({
      verdict: 'proven',
      level: 'content',
      findings: [],
      coverage: { databases: 2, databasesCovered: 2, tablesCovered: 2 },
    });
  });

  it('is failed with the cause that explains the others', () => {
    const checks = [...replaced('fingerprints', 'a', 'failed', 'content-differs'), check('archive-continuity', 'failed', null, 'wal-gap')];
    expect(judge(evidence({ checks }))).toMatchObject({ verdict: 'failed', cause: 'wal-gap' });
    expect(judge(evidence({ checks: [...checks].reverse() }))).toMatchObject({ verdict: 'failed', cause: 'wal-gap' });
  });

  it('is inconclusive, never failed, where the marker is of another moment', () => {
    const checks = replaced('snapshot-equivalence', 'a', 'failed', 'marker-unusable').map((each) =>
      each.name === 'fingerprints' && each.database === 'a' ? { ...each, outcome: 'failed' as const, cause: 'content-differs' as const } : each,
    );
    expect(judge(evidence({ checks }))).toMatchObject({ verdict: 'inconclusive', cause: 'marker-unusable' });
  });

  it('is inconclusive where a database has no marker, or was not compared', () => {
    const checks = sound(['a']).concat(check('amcheck', 'passed', 'b'), check('constraints', 'passed', 'b'));
    expect(judge(evidence({ checks, markers: [marker('a')] }))).toMatchObject({ verdict: 'inconclusive', cause: 'no-marker' });
    expect(judge(evidence({ checks: sound([]), databases: [], markers: [] }))).toMatchObject({ verdict: 'inconclusive', cause: 'no-marker' });
  });

  it('is inconclusive where the marker of a database read none of its tables, though they have rows to compare', () => {
    const unread = (reason: 'budget' | 'no-privilege' | 'unlogged') => ({
      ...marker('b', []),
      notCovered: [{ database: 'b', object: 'public.t', reason, detail: '' }],
    });
    for (const reason of ['budget', 'no-privilege'] as const)
      expect(judge(evidence({ markers: [marker('a'), unread(reason)] }))).toMatchObject({ verdict: 'inconclusive', cause: 'no-marker' });
    expect(judge(evidence({ markers: [marker('a'), unread('unlogged')] })).verdict).toBe('proven');
    expect(judge(evidence({ markers: [marker('a'), marker('b', [])] })).verdict).toBe('proven');
  });

  it('is inconclusive where no database was looked at, whatever the level', () => {
    expect(judge(evidence({ level: 'structure', checks: sound([]), databases: [], markers: [] }))).toMatchObject({ verdict: 'inconclusive' });
  });

  it('is inconclusive where a database was skipped by amcheck', () => {
    expect(judge(evidence({ checks: replaced('amcheck', 'b', 'unusable', 'amcheck-unavailable') }))).toMatchObject({
      verdict: 'inconclusive',
      cause: 'amcheck-unavailable',
    });
    expect(judge(evidence({ checks: sound(['a', 'b']).filter(({ name, database }) => name !== 'amcheck' || database !== 'b') }))).toMatchObject({
      verdict: 'inconclusive',
    });
  });

  it('is proven with a finding where one manifest copy is damaged', () => {
    const verdict = judge(evidence({ checks: [...sound(['a', 'b']), check('manifest-copies', 'finding', null, 'manifest-damaged')] }));
    expect(verdict).toMatchObject({ verdict: 'proven', findings: [{ check: 'manifest-copies', cause: 'manifest-damaged' }] });
  });

  it('is proven without content where only structure was asked for', () => {
    const checks = sound(['a', 'b']).filter(({ name }) => name !== 'snapshot-equivalence' && name !== 'fingerprints');
    const verdict = judge(evidence({ level: 'structure', checks, markers: [] }));
    expect(verdict).toMatchObject({ verdict: 'proven', level: 'structure', coverage: { databasesCovered: 0, bytesCovered: 0, bytes: 2000 } });
  });

  it('names a fault of the repository before the error that it led to', () => {
    const checks = [check('archive-continuity', 'failed', null, 'wal-gap')];
    const ended = causeOfError(new AssayError('target-not-reached', { clone: 'c', target: 't', lines: 'l' }));
    expect(judgeEnded(evidence({ checks }), ended)).toMatchObject({ verdict: 'failed', cause: 'wal-gap' });
    expect(judgeEnded(evidence({ checks: [] }), ended)).toMatchObject({ verdict: 'failed', cause: 'target-not-reached' });
    expect(judgeEnded(evidence({ checks: [] }), causeOfError(new AssayError('disk-full', {})))).toMatchObject({ verdict: 'inconclusive', cause: 'disk-full' });
  });
});

describe('rows that break their constraint', () => {
  const broken = replaced('constraints', 'a', 'failed', 'constraint-violated');
  it('and are equal to the source, all of them, break it there: a finding', () => {
    const verdict = judge(evidence({ checks: broken }));
    expect(verdict).toMatchObject({ verdict: 'proven', level: 'content', findings: [{ cause: 'constraint-violated' }] });
    expect(verdict.findings[0]?.text).toMatch(/equal to the source: it is broken there too$/);
  });

  it('are a fault where nobody compared them, or not all', () => {
    const failed = { verdict: 'failed', cause: 'constraint-violated' };
    expect(judge(evidence({ checks: broken.filter(({ name }) => name !== 'fingerprints') }))).toMatchObject(failed);
    const left = { ...marker('a'), notCovered: [{ database: 'a', object: 'public.u', reason: 'budget', detail: 'd' } as const] };
    expect(judge(evidence({ checks: broken, markers: [left, marker('b')] }))).toMatchObject(failed);
    const corrupt = replaced('constraints', 'a', 'failed', 'page-corrupt');
    expect(judge(evidence({ checks: corrupt }))).toMatchObject({ verdict: 'failed', cause: 'page-corrupt' });
  });
});

describe('every verdict', () => {
  const names = fc.constantFrom<CheckName>(
    'archive-continuity',
    'manifest-copies',
    'target-reached',
    'system-identifier',
    'snapshot-equivalence',
    'witness',
    'fingerprints',
    'page-checksums',
    'amcheck',
    'sequences',
    'constraints',
    'assertions',
  );
  const causes = fc.constantFrom<Cause | null>(null, ...FAULTS, 'disk-full', 'marker-unusable', 'amcheck-unavailable', 'collation-version', 'unknown');
  const anyCheck = fc
    .record({
      name: names,
      outcome: fc.constantFrom<CheckOutcome>('passed', 'failed', 'unusable', 'not-applicable', 'finding'),
      database: fc.constantFrom(null, 'a', 'b'),
      cause: causes,
    })
    .map(({ name, outcome, database, cause }) => check(name, outcome, database, cause));
  const anyEvidence = fc.record({ extra: fc.array(anyCheck, { maxLength: 6 }), level: fc.constantFrom<'content' | 'structure'>('content', 'structure') });

  const isBrokenInSource = ({ cause, database, outcome }: CheckResult, all: readonly CheckResult[]) =>
    outcome === 'failed' &&
    cause === 'constraint-violated' &&
    database !== null &&
    all.every((other) => !['fingerprints', 'snapshot-equivalence'].includes(other.name) || other.database !== database || other.outcome === 'passed');

  const isRealFault = (result: CheckResult, all: readonly CheckResult[]) => {
    if (result.outcome !== 'failed' || !isFault(result.cause) || result.name === 'snapshot-equivalence') return false;
    if (isBrokenInSource(result, all)) return false;
    const againstMarker = ['fingerprints', 'witness', 'sequences'].includes(result.name) && result.database !== null;
    return !(againstMarker && all.some((other) => other.name === 'snapshot-equivalence' && other.database === result.database && other.outcome !== 'passed'));
  };

  it('is failed if and only if a fault was found, with a cause that is one', () => {
    fc.assert(
      fc.property(anyEvidence, ({ extra, level }) => {
        const checks = [...sound(['a', 'b']), ...extra];
        const verdict = judge(evidence({ level, checks }));
        expect(verdict.verdict === 'failed').toBe(checks.some((each) => isRealFault(each, checks)));
        if (verdict.verdict === 'failed') expect(isFault(verdict.cause)).toBe(true);
      }),
    );
  });

  it('that is proven rests on nothing unusable, and covers with content every database', () => {
    fc.assert(
      fc.property(anyEvidence, ({ extra, level }) => {
        const checks = [...sound(['a', 'b']), ...extra];
        const verdict = judge(evidence({ level, checks }));
        if (verdict.verdict !== 'proven') return;
        expect(checks.some((each) => (each.outcome === 'failed' && !isBrokenInSource(each, checks)) || each.outcome === 'unusable')).toBe(false);
        if (level === 'content') expect(verdict.coverage.databasesCovered).toBe(2);
      }),
    );
  });

  it('never gets better by another bad result, nor depends on the order', () => {
    const rank = { proven: 0, inconclusive: 1, failed: 2 };
    fc.assert(
      fc.property(anyEvidence, anyCheck, ({ extra, level }, more) => {
        fc.pre(more.outcome === 'failed' || more.outcome === 'unusable');
        fc.pre(more.name !== 'snapshot-equivalence');
        const checks = [...sound(['a', 'b']), ...extra];
        const [less, with_] = [judge(evidence({ level, checks })), judge(evidence({ level, checks: [...checks, more] }))];
        expect(rank[with_.verdict]).toBeGreaterThanOrEqual(rank[less.verdict]);
        const turned = judge(evidence({ level, checks: [...checks].reverse() }));
        expect([turned.verdict, 'cause' in turned ? turned.cause : null]).toEqual([less.verdict, 'cause' in less ? less.cause : null]);
      }),
    );
  });

  it('without one of the needed checks is not proven', () => {
    fc.assert(
      fc.property(fc.constantFrom(...sound(['a', 'b']).filter(({ name }) => name !== 'system-identifier')), (left) => {
        const checks = sound(['a', 'b']).filter(({ name, database }) => name !== left.name || database !== left.database);
        expect(judge(evidence({ checks })).verdict).toBe('inconclusive');
      }),
    );
  });
});

describe('coverage', () => {
  it('counts tables and bytes that were compared equal, the oldest fingerprint, and names what is left', () => {
    const markers = [marker('a', [table('x', 300), table('y', 100, '2026-11-21T05:50:00.000Z')]), marker('b', [{ ...table('z', 600), equality: 'text' }])];
    const notCovered = [
      { database: 'a', object: 'public.u', reason: 'unlogged' as const, detail: '' },
      { database: 'c', object: null, reason: 'database-excluded' as const, detail: '' },
    ];
    const { coverage } = judge(evidence({ markers, notCovered: [...notCovered, ...notCovered] }));
    expect(coverage).toEqual({
      databases: 3,
      databasesCovered: 2,
      tables: 4,
      tablesCovered: 3,
      bytes: 1000,
      bytesCovered: 1000,
      oldestFingerprintMs: 600_000,
      equalities: ['hash', 'text'],
      notCovered,
      counted: ['m-a', 'm-b'],
    });
  });

  it('counts the whole database where tables could not be measured: one readable table of many is never all of the bytes', () => {
    const unread = (reason: 'no-privilege' | 'unlogged') => ({
      ...marker('a', [table('x', 300)]),
      notCovered: [{ database: 'a', object: 'public.y', reason, detail: '' }],
    });
    const of = (reason: 'no-privilege' | 'unlogged') =>
      judge(evidence({ databases: [{ name: 'a', bytes: 5000 }], checks: sound(['a']), markers: [unread(reason)] })).coverage;
    expect(of('no-privilege')).toMatchObject({ tables: 2, tablesCovered: 1, bytes: 5000, bytesCovered: 300 });
    expect(of('unlogged')).toMatchObject({ bytes: 300, bytesCovered: 300 });
  });

  it('does not count a database that differs', () => {
    expect(judge(evidence({ checks: replaced('fingerprints', 'a', 'failed', 'content-differs') })).coverage).toMatchObject({
      databasesCovered: 1,
      tablesCovered: 1,
      bytesCovered: 100,
    });
  });
});

describe('the cause of an error', () => {
  it.each([
    [new AssayError('target-not-reached', {}), 'failed', 'target-not-reached'],
    [new AssayError('target-not-reached', { cause: 'wal-corrupt' }), 'failed', 'wal-corrupt'],
    [new AssayError('engine-refused', { command: 'pgbackrest restore', status: 26, lines: '' }), 'failed', 'backup-file-corrupt'],
    [{ code: 'engine-failed', message: 'pgbackrest restore ended with status 29: x' }, 'failed', 'backup-file-corrupt'],
    [{ code: 'engine-failed', message: 'pgbackrest restore ended with status 56: x' }, 'inconclusive', 'unknown'],
    [new AssayError('repository-unreachable', {}), 'inconclusive', 'repository-unreachable'],
    [new AssayError('wrong-cipher-key', {}), 'inconclusive', 'wrong-cipher-key'],
    [new AssayError('disk-full', {}), 'inconclusive', 'disk-full'],
    [new AssayError('binaries-missing', {}), 'inconclusive', 'missing-binaries'],
    [new AssayError('system-identifier-differs', {}), 'inconclusive', 'system-identifier-differs'],
    [new AssayError('clone-start-failed', { clone: 'c', lines: 'FATAL: could not access file "$libdir/x"' }), 'inconclusive', 'missing-extension'],
    [{ code: 'clone-start-failed', message: 'the clone c did not start: database locale is incompatible' }, 'inconclusive', 'collation-version'],
    [new AssayError('cancelled', {}), 'inconclusive', 'interrupted'],
    [new Error('anything'), 'inconclusive', 'unknown'],
  ] as const)('%s → %s %s', (error, verdict, cause) => {
    expect(causeOfError(error)).toMatchObject({ verdict, cause });
  });
});

it('tells what was checked in each database apart', () => {
  const checks = sound(['a', 'b']).map((each) => (each.name === 'amcheck' ? { ...each, because: ['9 tables sound'] } : each));
  expect(judge(evidence({ checks })).because).toEqual(
    expect.arrayContaining(['a: 9 tables sound', 'b: 9 tables sound', 'page-checksums of the cluster passed']),
  );
});
