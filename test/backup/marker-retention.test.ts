import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareLsn, lsnAt } from '../../domain/backup/lsn.ts';
import { decideMarkerRetention, type MarkerRetentionQuestion, NEWEST_DAYS, PER_STRETCH, YOUNG_DAYS } from '../../domain/backup/marker-retention.ts';
import type { MarkerRef } from '../../domain/backup/model.ts';

const NOW = '2026-11-21T12:00:00.000Z';
const daysAgo = (days: number) => new Date(Date.parse(NOW) - days * 86_400_000).toISOString();
/** A day of WAL is a thousand bytes here: the older, the lower. */
const lsnOf = (ageDays: number) => lsnAt(BigInt(Math.round((10_000 - ageDays) * 1_000)));

const marker = (ageDays: number, rest: Partial<MarkerRef> = {}): MarkerRef => ({
  ...{ id: `${rest.database ?? 'shop'}@${ageDays}`, database: 'shop', lsn: lsnOf(ageDays), at: daysAgo(ageDays), timeline: 1, systemIdentifier: '7' },
  ...rest,
});
const backup = (ageDays: number) => ({ label: `B${ageDays}`, stopLsn: lsnOf(ageDays) });

function decide(question: Partial<MarkerRetentionQuestion>) {
  const decision = decideMarkerRetention({
    ...{ markers: [], backups: [backup(20), backup(10)], systemIdentifier: '7', named: new Set<string>(), pinned: [], now: NOW },
    ...question,
  });
  return { ...decision, kept: decision.keep.map((each) => each.marker.id), gone: decision.remove.map((each) => each.marker.id) };
}

describe('retention of markers', () => {
  test('lets go what lies before the oldest backup that is left, and says so', () => {
    const { kept, remove } = decide({ markers: [marker(21), marker(19), marker(1)] });
    expect(kept).toEqual(['shop@19', 'shop@1']);
    expect(remove).toEqual([{ marker: marker(21), because: 'before the end of the oldest backup that is left' }]);
  });

  test('keeps all while no backup is listed: the repository may only be empty to us', () => {
    expect(decide({ markers: [marker(99), marker(1)], backups: [] }).gone).toEqual([]);
  });

  test('keeps the newest of a database, however few backups lead to it, until that database is long gone', () => {
    const markers = [marker(25), marker(24), marker(NEWEST_DAYS + 1, { database: 'dropped' })];
    expect(decide({ markers })).toMatchObject({ kept: ['shop@24'], gone: [`dropped@${NEWEST_DAYS + 1}`, 'shop@25'] });
  });

  test('keeps those that a proof of a backup names', () => {
    const markers = [marker(40), marker(39), marker(1)];
    expect(decide({ markers, named: new Set(['shop@40']) }).gone).toEqual(['shop@39']);
  });

  test('lets go those of another cluster that had this name', () => {
    const { remove } = decide({ markers: [marker(3, { systemIdentifier: '6' }), marker(1)] });
    expect(remove.map(({ because }) => because)).toEqual(['of another cluster that had this name']);
  });

  test('thins what is no longer young to a few between two backups, the first and the last among them', () => {
    const hourly = Array.from({ length: 48 }, (_, at) => marker(19 - at / 24));
    const { kept, remove } = decide({ markers: [...hourly, marker(1)] });
    expect(kept).toHaveLength(PER_STRETCH + 1);
    expect([kept[0], kept.at(-2)]).toEqual([hourly[0]?.id, hourly.at(-1)?.id]);
    expect(remove[0]?.because).toBe(`one of more than ${PER_STRETCH} between two backups`);
  });

  test('a backup between them makes two stretches; each database and each timeline has its own', () => {
    const some = (rest: Partial<MarkerRef>) =>
      Array.from({ length: PER_STRETCH }, (_, at) => marker(9 - at / 10, { id: `${JSON.stringify(rest)}${at}`, ...rest }));
    const markers = [...some({}), ...some({ database: 'other' }), ...some({ timeline: 2 }), marker(12), marker(13)];
    expect(decide({ markers }).gone).toEqual([]);
  });

  test('thins nothing while a clone may be compared', () => {
    const markers = Array.from({ length: 48 }, (_, at) => marker(19 - at / 24));
    expect(decide({ markers, pinned: ['B20'] }).gone).toEqual([]);
  });
});

const anyMarkers = fc.uniqueArray(
  fc.record({
    id: fc.uuid(),
    database: fc.constantFrom('a', 'b'),
    age: fc.double({ min: 0, max: 60, noNaN: true }),
    timeline: fc.constantFrom(1, 2, undefined),
    systemIdentifier: fc.constantFrom('7', '6', undefined),
  }),
  { selector: ({ id }) => id, maxLength: 80 },
);
const anyQuestion = fc
  .record({ markers: anyMarkers, ages: fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 5 }), named: fc.array(fc.nat(79)), pinned: fc.boolean() })
  .map(({ markers, ages, named, pinned }): MarkerRetentionQuestion => {
    const refs = markers.map(
      ({ age, timeline, systemIdentifier, ...rest }): MarkerRef => ({
        ...{ ...rest, lsn: lsnOf(age), at: daysAgo(age) },
        ...(timeline === undefined ? {} : { timeline }),
        ...(systemIdentifier === undefined ? {} : { systemIdentifier }),
      }),
    );
    return {
      ...{ markers: refs, backups: ages.map(backup), systemIdentifier: '7', pinned: pinned ? ['x'] : [], now: NOW },
      named: new Set(named.flatMap((at) => refs[at]?.id ?? [])),
    };
  });

describe('whatever there is', () => {
  const holds = (property: (question: MarkerRetentionQuestion, gone: readonly MarkerRef[], kept: readonly MarkerRef[]) => void) =>
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const { keep, remove } = decideMarkerRetention(question);
        property(
          question,
          remove.map((each) => each.marker),
          keep.map((each) => each.marker),
        );
      }),
    );

  test('each marker is kept or removed, once, with a reason', () =>
    holds((question, gone, kept) => {
      expect([...gone, ...kept].map(({ id }) => id).sort()).toEqual(question.markers.map(({ id }) => id).sort());
    }));

  test('none that is named, young and provable, or asked for by a clone goes', () =>
    holds(({ named, backups, pinned }, gone) => {
      for (const { id, lsn, at, systemIdentifier = '7' } of gone) {
        const provable = systemIdentifier === '7' && backups.some(({ stopLsn }) => compareLsn(lsn, stopLsn) >= 0);
        expect(named.has(id)).toBe(false);
        expect(provable && (pinned.length > 0 || at >= daysAgo(YOUNG_DAYS))).toBe(false);
      }
    }));

  test('a backup that had a marker to be proven with has one still, in the same stretch', () =>
    holds(({ markers, backups, systemIdentifier: system }, _, kept) => {
      const stops = backups.map(({ stopLsn }) => stopLsn).sort(compareLsn);
      const inStretch = (all: readonly MarkerRef[], at: number, database: string) =>
        all.some(({ lsn, systemIdentifier, ...each }) => {
          const next = stops[at + 1];
          const isIn = compareLsn(lsn, stops[at] as string) >= 0 && (next === undefined || compareLsn(lsn, next) < 0);
          return isIn && each.database === database && (systemIdentifier ?? system) === system;
        });
      for (const at of stops.keys()) for (const database of ['a', 'b']) expect(inStretch(kept, at, database)).toBe(inStretch(markers, at, database));
    }));

  test('deciding again decides the same: what was kept is kept', () =>
    holds((question, _, kept) => {
      expect(decideMarkerRetention({ ...question, markers: kept }).remove).toEqual([]);
    }));
});
