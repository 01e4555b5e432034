import { describe, expect, it } from 'vitest';
import { readOutput as readAmcheck } from '../../activities/backup/checks/amcheck.ts';
import { isSamePlace, targetReached } from '../../activities/backup/checks/arrival.ts';
import { type ForeignKey, orphanSql } from '../../activities/backup/checks/foreign-keys.ts';
import { readOutput as readChecksums } from '../../activities/backup/checks/page-checksums.ts';
import { isBehind } from '../../activities/backup/checks/sequences.ts';
import { sameWitness } from '../../activities/backup/checks/witness.ts';
import type { Marker, ReachedPoint, Witness } from '../../domain/backup/model.ts';

const reached = (replayLsn: string, over: Partial<ReachedPoint> = {}): ReachedPoint => ({ replayLsn, replayedAt: null, timeline: 1, paused: true, ...over });

describe('target reached', () => {
  it.each([
    ['0/5000100', '0/5000100', true],
    ['0/5002000', '0/5002018', true],
    ['0/5000000', '0/5000028', true],
    ['0/5002018', '0/5002000', true],
    ['0/5002000', '0/5002028', false],
    ['0/5000100', '0/5000118', false],
    ['0/5000100', '0/5000138', false],
  ])('%s and %s are the same place: %s', (a, b, same) => {
    expect(isSamePlace(a, b)).toBe(same);
  });

  it('exclusive means exactly there; inclusive, not before; a time, nothing later', () => {
    expect(targetReached({ kind: 'lsn', lsn: '0/5000100', exclusive: true }, reached('0/5000160'))).toMatchObject({
      outcome: 'failed',
      cause: 'target-not-reached',
    });
    expect(targetReached({ kind: 'lsn', lsn: '0/5000100', exclusive: false }, reached('0/5000160'))).toMatchObject({ outcome: 'passed' });
    expect(targetReached({ kind: 'lsn', lsn: '0/5000100', exclusive: false }, reached('0/50000F8'))).toMatchObject({ outcome: 'failed' });
    const at = { kind: 'time', at: '2026-11-21T06:00:00Z' } as const;
    expect(targetReached(at, reached('0/1', { replayedAt: '2026-11-21T05:59:59.999Z' }))).toMatchObject({ outcome: 'passed' });
    expect(targetReached(at, reached('0/1', { replayedAt: '2026-11-21T06:00:00.001Z' }))).toMatchObject({ outcome: 'failed' });
    expect(targetReached(at, reached('0/1', { paused: false }))).toMatchObject({ outcome: 'unusable' });
  });
});

describe('sequences', () => {
  it.each([
    ['1', '10', '10', false],
    ['1', '10', '42', false],
    ['1', '10', '9', true],
    ['-5', '-10', '-160', false],
    ['-5', '-10', '-5', true],
    ['1', '9223372036854775807', '9223372036854775806', true],
  ])('by %s, given out %s, found %s: behind %s', (increment, lastValue, found, behind) => {
    expect(isBehind({ schema: 's', table: 't', increment, lastValue }, found)).toBe(behind);
  });
});

describe('the witness', () => {
  const witness: Witness = { id: '7', at: '2026-11-21T06:00:00Z', lsn: '0/1', transactionId: '9', nonce: 'n' };
  const of = (found: Witness | null, expected: Witness | null = witness) => sameWitness({ witness: expected } as Marker, found).outcome;
  it('is the same one, nonce included', () => {
    expect([of(witness), of({ ...witness, id: '8' }), of({ ...witness, nonce: 'm' }), of(null), of(null, null)]).toEqual([
      'passed',
      'failed',
      'failed',
      'failed',
      'not-applicable',
    ]);
  });
});

describe('the output of pg_checksums', () => {
  it('passes only with its figures', () => {
    expect(readChecksums(0, 'Checksum operation completed\nFiles scanned:   1\nBlocks scanned:  2814\nBad checksums:  0\n')).toMatchObject({
      outcome: 'passed',
      because: ['2814 pages read, every checksum right'],
    });
    expect(readChecksums(0, '')).toMatchObject({ outcome: 'unusable' });
    expect(readChecksums(1, 'pg_checksums: error: cluster must be shut down')).toMatchObject({ outcome: 'unusable' });
  });
});

describe('the output of pg_amcheck', () => {
  const read = (status: number, stdout: string, stderr = '') => readAmcheck({ status, stdout, stderr, relations: { heaps: 3, indexes: 4 }, depth: 'plain' });
  it('names what is damaged, and where', () => {
    const damage = 'heap table "shop.public.a", block 0, offset 1:\n    line pointer redirection to item at offset 90 exceeds maximum offset 3\n';
    expect(read(2, damage)).toMatchObject({
      outcome: 'failed',
      cause: 'index-or-heap-corrupt',
      because: [expect.stringContaining('heap table shop.public.a, block 0, offset 1')],
    });
    expect(
      read(2, 'btree index "shop.public.i":\n    ERROR:  item order invariant violated for index "i"\nDETAIL:  Lower index tid=(1,2) key=secret\n'),
    ).toMatchObject({ outcome: 'failed' });
  });
  it('is no pass where a database was skipped or nothing could be checked', () => {
    expect(read(0, '', 'pg_amcheck: warning: skipping database "x": amcheck is not installed')).toMatchObject({
      outcome: 'unusable',
      cause: 'amcheck-unavailable',
    });
    expect(read(1, '', 'pg_amcheck: error: no relations to check')).toMatchObject({ outcome: 'unusable', cause: 'amcheck-unavailable' });
  });
  it('is no fault of the backup where this host is to blame', () => {
    expect(read(2, 'btree index "shop.public.i":\n    ERROR:  could not access file "$libdir/postgis-3": No such file or directory\n')).toMatchObject({
      outcome: 'unusable',
      cause: 'missing-extension',
    });
    const raised = 'btree index "shop.public.i":\n    ERROR:  no such key: a row of ours\n';
    const told = (again: string | null) =>
      readAmcheck({ status: 2, stdout: raised, stderr: '', relations: { heaps: 3, indexes: 4 }, depth: 'deep', again: new Map([['shop.public.i', again]]) });
    expect(told(null)).toMatchObject({ outcome: 'passed' });
    expect(told('it could not be checked: PostgreSQL error P0001')).toMatchObject({
      outcome: 'unusable',
      because: ['btree index shop.public.i: it could not be checked: PostgreSQL error P0001'],
    });
    expect(read(2, 'btree index "shop.public.i":\n    ERROR:  could not write to file "base/pgsql_tmp/x": No space left on device\n')).toMatchObject({
      outcome: 'unusable',
    });
  });
});

describe('the anti-join of a foreign key', () => {
  const key: ForeignKey = {
    name: 'fk',
    childSchema: 's.x',
    child: 'a"b',
    parentSchema: 'public',
    parent: 'p',
    childPartitioned: false,
    parentPartitioned: true,
    matchFull: true,
    validated: true,
    bytes: 0,
    columns: [
      { child: 'c 1', parent: 'p1', operatorSchema: 'pg_catalog', operator: '=', collationSchema: null, collation: null },
      { child: 'c2', parent: 'p2', operatorSchema: 'my', operator: '===', collationSchema: 'pg_catalog', collation: 'C' },
    ],
  };
  it('quotes every name, and reads partitions but not heirs', () => {
    expect(orphanSql(key)).toBe(
      '/* assay backup */ select 1 from only "s.x"."a""b" c left join "public"."p" p on p."p1" operator("pg_catalog".=) c."c 1" and ' +
        'p."p2" operator("my".===) c."c2" collate "pg_catalog"."C" where p."p1" is null and (c."c 1" is not null or c."c2" is not null) limit 1',
    );
  });
});
