import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decideEquivalence,
  formatSnapshot,
  normalise,
  parseSnapshot,
  rangeToAsk,
  type StatusRun,
  sees,
  type TransactionStatus,
} from '../../domain/backup/snapshot.ts';

const run = (from: number, to: number, status: TransactionStatus): StatusRun => ({ from: BigInt(from), to: BigInt(to), status });
const at = (xmin: number, xmax: number) => ({ xmin: BigInt(xmin), xmax: BigInt(xmax) });
const decide = (marker: string, clone: { xmin: bigint; xmax: bigint }, ...runs: StatusRun[]) =>
  decideEquivalence(parseSnapshot(marker), { snapshot: clone, runs }).verdict;

describe('snapshots as text', () => {
  test('a snapshot prints as it was parsed', () => {
    for (const text of ['5:5:', '731:740:731,735', '4294967296:4294967300:4294967296']) expect(formatSnapshot(parseSnapshot(text))).toBe(text);
  });

  test.each(['', '5', '5:4:', '5:6:7', '5:9:7,6', '5:9:a', "5:6:'"])('refuses %j', (text) => {
    expect(() => parseSnapshot(text)).toThrow(RangeError);
  });

  test('sees what ended before xmin and what the list leaves out, nothing from xmax on', () => {
    const snapshot = parseSnapshot('10:15:10,12');
    expect([9n, 10n, 11n, 12n, 14n, 15n].map((id) => sees(snapshot, id))).toEqual([true, false, true, false, true, false]);
  });

  test('normalised, rolled back and running transactions are both unseen', () => {
    const printed = parseSnapshot('10:16:10');
    expect(formatSnapshot(normalise(printed, [run(10, 10, 'in progress'), run(11, 12, 'committed'), run(13, 14, 'aborted'), run(15, 15, 'in progress')]))).toBe(
      '10:16:10,13,14,15',
    );
  });
});

describe('equivalence of a marker and a clone', () => {
  test('equal where the clone committed exactly what the marker saw', () => {
    expect(decide('10:13:11', at(10, 13), run(10, 10, 'committed'), run(11, 11, 'in progress'), run(12, 12, 'committed'))).toBe('equal');
  });

  test('says how many transactions were compared, none of them too', () => {
    const said = (marker: string, clone: { xmin: bigint; xmax: bigint }, ...runs: StatusRun[]) =>
      decideEquivalence(parseSnapshot(marker), { snapshot: clone, runs }).because;
    expect(said('10:10:', at(10, 10))).toEqual(['clone and marker see every transaction before 10 and none from there on']);
    expect(said('10:11:', at(10, 11), run(10, 10, 'committed'))).toEqual(['transaction 10 agrees with the marker']);
    expect(said('10:13:11', at(10, 13), run(10, 10, 'committed'), run(11, 11, 'aborted'), run(12, 12, 'committed'))).toEqual([
      'all 3 transactions from 10 to 12 agree with the marker',
    ]);
  });

  test('a transaction the source rolled back may be rolled back or still open on the clone', () => {
    expect(decide('10:12:11', at(10, 12), run(10, 10, 'committed'), run(11, 11, 'aborted'))).toBe('equal');
    expect(decide('10:12:11', at(11, 12), run(10, 10, 'committed'), run(11, 11, 'in progress'))).toBe('equal');
  });

  test('unusable where the marker saw a commit that lies beyond its LSN', () => {
    expect(decide('10:12:', at(11, 12), run(10, 10, 'committed'), run(11, 11, 'in progress'))).toBe('unusable');
  });

  test('unusable where the clone holds a commit the marker did not see', () => {
    expect(decide('10:12:11', at(12, 12), run(10, 11, 'committed'))).toBe('unusable');
  });

  test('unusable where the clone committed a transaction that began after the snapshot', () => {
    expect(decide('10:12:', at(13, 13), run(10, 12, 'committed'))).toBe('unusable');
  });

  test('a transaction the clone never heard of must not have been seen', () => {
    expect(decide('10:14:13', at(13, 13), run(10, 12, 'committed'))).toBe('equal');
    expect(decide('10:14:', at(13, 13), run(10, 12, 'committed'))).toBe('unusable');
  });

  test('a rolled back transaction below the marker’s xmin is no difference, a running one is', () => {
    expect(decide('12:12:', at(10, 12), run(10, 10, 'aborted'), run(11, 11, 'committed'))).toBe('equal');
    expect(decide('12:12:', at(10, 12), run(10, 10, 'in progress'), run(11, 11, 'committed'))).toBe('unusable');
  });

  test('an answer that is missing, or too old to be known, is never taken for agreement', () => {
    expect(decide('10:12:', at(10, 12), run(10, 10, 'committed'))).toBe('unusable');
    expect(decide('10:12:', at(10, 12), run(10, 11, null))).toBe('unusable');
  });

  test('asks from the lower xmin up to what the clone knows', () => {
    expect(rangeToAsk(parseSnapshot('10:20:'), at(8, 15))).toEqual({ from: 8n, to: 15n });
    expect(rangeToAsk(parseSnapshot('10:20:'), at(30, 35))).toEqual({ from: 10n, to: 35n });
    expect(rangeToAsk(parseSnapshot('10:20:'), at(5, 5))).toEqual({ from: 5n, to: 5n });
  });

  test('property: equal exactly where visibility and commits agree for every transaction', () => {
    const status = fc.constantFrom<TransactionStatus>('committed', 'aborted', 'in progress');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), status), { maxLength: 12 }), fc.integer({ min: 0, max: 3 }), (ids, beyond) => {
        const unseen = ids.flatMap(([seen], index) => (seen ? [] : [10 + index])).join(',');
        const known = ids.length + beyond;
        const runs = [
          ...ids.map(([, each], index) => run(10 + index, 10 + index, each)),
          ...(beyond > 0 ? [run(10 + ids.length, 9 + known, 'committed')] : []),
        ];
        const agree = beyond === 0 && ids.every(([seen, each]) => seen === (each === 'committed'));
        expect(decide(`10:${10 + ids.length}:${unseen}`, at(10, 10 + known), ...runs)).toBe(agree ? 'equal' : 'unusable');
      }),
    );
  });
});
