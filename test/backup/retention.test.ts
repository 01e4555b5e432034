import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BackupRecord } from '../../domain/backup/model.ts';
import { decideRetention, earliest } from '../../domain/backup/retention.ts';
import { backup as windowBackup } from './window-case.ts';

const DAY = 86_400_000;
const NOW = '2026-11-21T12:00:00.000Z';

const daysAgo = (days: number) => new Date(Date.parse(NOW) - days * DAY).toISOString();

/** A full backup so many days old, or one that builds on others. */
function backup(label: string, ageDays: number, on: readonly string[] = []): BackupRecord {
  const segment = 10_000 - Math.round(ageDays * 100);
  return windowBackup(segment, segment, {
    label,
    type: on.length === 0 ? 'full' : 'incremental',
    prior: on.at(-1) ?? null,
    references: on,
    startedAt: daysAgo(ageDays),
    stoppedAt: daysAgo(ageDays),
  });
}

const proof = (label: string, verdict: 'proven' | 'failed' | 'inconclusive' = 'proven', ageDays = 0) => ({
  backup: label,
  verdict,
  finishedAt: daysAgo(ageDays),
});

interface Case {
  readonly backups: readonly BackupRecord[];
  readonly proofs?: readonly ReturnType<typeof proof>[];
  readonly pinned?: readonly string[];
  readonly keep?: readonly string[];
  readonly fulls?: number;
  readonly days?: number;
}

function decide({ backups, proofs = backups.map((each) => proof(each.label)), pinned = [], keep = [], fulls = 1, days = 1 }: Case) {
  const decision = decideRetention({ backups, proofs, pinned, policy: { fulls, days, keep }, now: NOW });
  return { ...decision, gone: decision.expire.map((each) => each.label), kept: decision.keep.map((each) => each.label) };
}

const four = [backup('F1', 9), backup('F2', 7), backup('F3', 5), backup('F4', 0.5)];

describe('retention', () => {
  test('lets go what is neither counted nor needed for the window', () => {
    expect(decide({ backups: four })).toMatchObject({ gone: ['F1', 'F2'], kept: ['F3', 'F4'] });
  });

  test('says why of each', () => {
    const { keep, expire } = decide({ backups: four });
    expect(keep).toEqual([
      { label: 'F3', because: ['opens the window of 1 days'] },
      { label: 'F4', because: ['the newest proven backup', 'one of the 1 newest full backups', 'inside the window of 1 days'] },
    ]);
    expect(expire[0]).toEqual({
      label: 'F1',
      because: [`stopped ${daysAgo(9)}, before the window of 1 days, which a newer backup opens`, 'not one of the 1 newest full backups'],
    });
  });

  test('keeps as many full backups as the policy says', () => {
    expect(decide({ backups: four, fulls: 3 }).gone).toEqual(['F1']);
    expect(decide({ backups: four, fulls: 0, days: 0 }).kept).toEqual(['F4']);
  });

  test('keeps the full backup that a kept incremental needs', () => {
    const chain = [backup('F1', 9), backup('F1_I1', 0.5, ['F1']), backup('F2', 0.2)];
    const { kept, keep } = decide({ backups: chain, days: 0, proofs: [proof('F1_I1')] });
    expect(kept).toEqual(['F1', 'F1_I1', 'F2']);
    expect(keep[0]?.because).toEqual(['F1_I1 builds on it']);
  });

  test('keeps what builds on a kept full backup', () => {
    expect(decide({ backups: [backup('F1', 9), backup('F1_I1', 8, ['F1']), backup('F1_I2', 7, ['F1', 'F1_I1'])], days: 0 }).gone).toEqual([]);
  });

  test('lets go an incremental whose chain is not needed any more', () => {
    const chain = [backup('F1', 9), backup('F1_I1', 8, ['F1']), backup('F2', 5), backup('F3', 0.5)];
    expect(decide({ backups: chain }).gone).toEqual(['F1', 'F1_I1']);
  });

  test('while nothing is proven, nothing goes', () => {
    expect(decide({ backups: four, proofs: [] }).gone).toEqual([]);
    expect(decide({ backups: four, proofs: [proof('F4', 'failed'), proof('F3', 'inconclusive'), proof('gone')] }).gone).toEqual([]);
  });

  test('keeps the newest proven one however old it is', () => {
    expect(decide({ backups: four, proofs: [proof('F1')] })).toMatchObject({ kept: ['F1', 'F3', 'F4'], gone: ['F2'] });
  });

  test('a newer failure takes a proof back; an inconclusive one does not', () => {
    expect(decide({ backups: four, days: 0, proofs: [proof('F1'), proof('F2', 'proven', 3), proof('F2', 'failed', 1)] }).kept).toEqual(['F1', 'F4']);
    expect(decide({ backups: four, days: 0, proofs: [proof('F1'), proof('F2', 'proven', 3), proof('F2', 'inconclusive', 1)] }).kept).toEqual(['F2', 'F4']);
  });

  test('a backup that failed its proof does not open the window: the one before it does', () => {
    expect(decide({ backups: four, proofs: [proof('F4'), proof('F3', 'failed')] })).toMatchObject({ kept: ['F2', 'F4'], gone: ['F1', 'F3'] });
  });

  test('keeps what is pinned and what the policy names', () => {
    expect(decide({ backups: four, pinned: ['F1'] }).gone).toEqual(['F2']);
    expect(decide({ backups: four, keep: ['F2', 'unknown'] }).gone).toEqual(['F1']);
  });
});

describe('invariants', () => {
  const worlds = fc
    .record({
      ages: fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 14 }),
      full: fc.infiniteStream(fc.integer({ min: 0, max: 2 })),
      verdicts: fc.infiniteStream(fc.constantFrom('proven', 'failed', 'inconclusive', null)),
      pin: fc.infiniteStream(fc.integer({ min: 0, max: 9 })),
      fulls: fc.integer({ min: 0, max: 4 }),
      days: fc.integer({ min: 0, max: 30 }),
    })
    .map(({ ages, full, verdicts, pin, fulls, days }) => {
      const backups: BackupRecord[] = [];
      let chain: string[] = [];
      for (const [index, age] of ages.sort((a, b) => b - a).entries()) {
        const isFull = chain.length === 0 || full.next().value === 0;
        const label = isFull ? `F${index}` : `${chain[0]}_I${index}`;
        backups.push(backup(label, age / 10, isFull ? [] : chain));
        chain = isFull ? [label] : [...chain, label];
      }
      const labels = backups.map((each) => each.label);
      const proofs = labels.flatMap((label) => {
        const verdict = verdicts.next().value;
        return verdict === null ? [] : [proof(label, verdict)];
      });
      const pinned = labels.filter(() => pin.next().value === 0);
      const keep = labels.filter(() => pin.next().value === 0);
      return { backups, proofs, pinned, keep, fulls, days };
    });

  const holds = (name: string, check: (world: typeof worlds extends fc.Arbitrary<infer T> ? T : never, decision: ReturnType<typeof decide>) => void) =>
    test(name, () =>
      fc.assert(
        fc.property(worlds, (world) => check(world, decide(world))),
        { numRuns: 400 },
      ),
    );

  holds('every backup is decided once, with a reason', ({ backups }, { keep, expire, kept, gone }) => {
    expect([...kept, ...gone].sort()).toEqual(backups.map((each) => each.label).sort());
    for (const each of [...keep, ...expire]) expect(each.because.length).toBeGreaterThan(0);
  });

  holds('nothing kept needs something that goes', ({ backups }, { kept, gone }) => {
    for (const each of backups) if (kept.includes(each.label)) expect(each.references.filter((label) => gone.includes(label))).toEqual([]);
  });

  holds('the newest proven chain stays', ({ backups, proofs }, { gone }) => {
    const newest = backups.findLast((each) => proofs.some((one) => one.backup === each.label && one.verdict === 'proven'));
    for (const label of newest === undefined ? [] : [newest.label, ...newest.references]) expect(gone).not.toContain(label);
  });

  holds('pinned and named ones stay', ({ pinned, keep: named }, { gone }) => {
    expect(gone.filter((label) => pinned.includes(label) || named.includes(label))).toEqual([]);
  });

  holds('nothing goes while nothing is proven', ({ proofs }, { gone }) => {
    if (!proofs.some((each) => each.verdict === 'proven')) expect(gone).toEqual([]);
  });

  holds('a kept sound backup opens the window wherever one did before', ({ backups, proofs, days }, { kept }) => {
    const begin = Date.parse(NOW) - days * DAY;
    const failed = proofs.filter((each) => each.verdict === 'failed').map((each) => each.backup);
    const sound = (each: BackupRecord) => Date.parse(each.stoppedAt) < begin && ![each.label, ...each.references].some((label) => failed.includes(label));
    if (backups.some(sound)) expect(backups.some((each) => sound(each) && kept.includes(each.label))).toBe(true);
  });

  holds('deciding again after expiry lets nothing more go', (world, { kept }) => {
    const backups = world.backups.filter((each) => kept.includes(each.label));
    expect(decide({ ...world, backups }).gone).toEqual([]);
  });

  holds('at least one full backup stays', ({ backups }, { kept }) => {
    expect(backups.some((each) => each.type === 'full' && kept.includes(each.label))).toBe(true);
  });
});

test('of several clocks the earliest counts, and one that could not be asked not at all', () => {
  expect(earliest([NOW, undefined, daysAgo(1), daysAgo(-400)])).toBe(daysAgo(1));
  expect(earliest([NOW, undefined])).toBe(NOW);
});
