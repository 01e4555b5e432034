import { describe, expect, it } from 'vitest';
import type { BackupRecord, MarkerRef } from '../../domain/backup/model.ts';
import { markersOnWay, planStops, type StopsQuestion } from '../../domain/backup/proof-plan.ts';

const backup = { label: 'F', stopLsn: '0/5000000' } as BackupRecord;

const marker = (lsn: string, over: Partial<MarkerRef> = {}): MarkerRef => ({ id: `m${lsn}`, database: 'shop', lsn, at: '2026-11-21T06:00:00.000Z', ...over });

const stops = (over: Partial<StopsQuestion>) =>
  planStops({ backup, target: null, level: 'content', markers: [], archivedLsn: '0/9000000', ...over }).map(({ target, marker: of }) => [
    target.kind === 'lsn' ? target.lsn : target.kind,
    of?.database ?? null,
  ]);

describe('stops of a proof', () => {
  it('are the newest marker of each database, in WAL order', () => {
    const markers = [marker('0/7000000'), marker('0/6000000', { database: 'crm' }), marker('0/5000010')];
    expect(stops({ markers })).toEqual([
      ['0/6000000', 'crm'],
      ['0/7000000', 'shop'],
    ]);
  });

  it('leave out a marker from before the end of the backup', () => expect(stops({ markers: [marker('0/4FFFFFF')] })).toEqual([['0/9000000', null]]));

  it("never wait for WAL that nobody saw archived: a newer marker of another run gives way to this one's", () => {
    expect(stops({ markers: [marker('0/8000000'), marker('0/9000001')] })).toEqual([['0/8000000', 'shop']]);
    expect(stops({ markers: [marker('0/9000000')] })).toEqual([['0/9000000', 'shop']]);
  });

  it('end at the target that was asked for, after the markers before it', () => {
    const target = { kind: 'lsn', lsn: '0/8000000', exclusive: true } as const;
    expect(stops({ markers: [marker('0/6000000'), marker('0/8000001', { database: 'crm' })], target, archivedLsn: null })).toEqual([
      ['0/6000000', 'shop'],
      ['0/8000000', null],
    ]);
  });
});

describe('markers on the way of recovery', () => {
  const way = { systemIdentifier: '7', timeline: 2, histories: [{ timeline: 2, branches: [{ timeline: 1, leftAt: '0/6000000' }] }] };

  it('are those of the timelines that lead there, up to where each was left', () => {
    const markers = [marker('0/5000000', { timeline: 1 }), marker('0/6000001', { timeline: 1 }), marker('0/6000001', { timeline: 2 })];
    expect(markersOnWay(markers, way)).toEqual([markers[0], markers[2]]);
    expect(markersOnWay([marker('0/6000001', { timeline: 3 })], way)).toEqual([]);
  });

  it('are of this very cluster, and not of one that had its name before', () => {
    const [ours, theirs] = [marker('0/7000000', { systemIdentifier: '7' }), marker('0/FF000000', { systemIdentifier: '6' })];
    expect(markersOnWay([ours, theirs], way)).toEqual([ours]);
    expect(markersOnWay([marker('0/7000000')], way)).toHaveLength(1);
  });
});
