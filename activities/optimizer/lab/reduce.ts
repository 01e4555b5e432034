/**
 * A built set, reduced to the indexes that earn their place and slow nothing. Every step is measured as a whole before it counts: leave-one-out looks at
 * the statements whose plans show an index, and a function may use one that no plan shows.
 */
import { isNoticeable, isUnclear, lossOf } from '../../../domain/optimizer/reduction.ts';
import type { Interval } from '../../../domain/optimizer/statistics.ts';
import { earnsPlace, judgeTotal, shown } from '../../../domain/optimizer/verdict.ts';
import { measureLeaveOneOut, measureSet, type SetTimes } from './experiment.ts';
import { saying } from './measure.ts';
import { slowingIndexes } from './repair.ts';
import type { Prepared } from './session.ts';
import { type BuiltIndex, dropSql } from './sets.ts';

export interface Reduced {
  /** Still there; the others were dropped. */
  readonly built: readonly BuiltIndex[];
  /** Of exactly these. */
  readonly times: SetTimes;
  readonly places: ReadonlyMap<BuiltIndex, Interval>;
  /** What was left out, and what kept it from being left out, in words. */
  readonly because: readonly string[];
}

type Lab = Pick<Prepared, 'session' | 'units' | 'rounds'>;

/** Those that earn nothing go one by one: of two that do the same work each looks idle while the other is there, and one of them must stay. */
export async function reduced({ built: all, ...lab }: Lab & Pick<Prepared, 'built'>): Promise<Reduced> {
  const { session, units, rounds } = lab;
  let built = all;
  let times = await measureSet(saying(session, `all of ${built.length} index(es)`), units, { built, rounds });
  let places = new Map(await measureLeaveOneOut(saying(session, withoutEach(built)), times, { built, rounds }));
  /** The fastest set so far of which nothing was slower: what remains may not be behind it, by however many small steps. */
  let best = times;
  const [idleWords, stayed]: [string[], string[]] = [[], []];
  let slowing = 0;
  while (built.length > 1) {
    const set = { built, times, places, rounds };
    const idle = idleOf(set);
    const place = idle === null ? null : await placeOf(lab, set, idle);
    if (idle !== null && place !== null) places.set(idle, place);
    if (place !== null && earnsPlace(place)) continue;
    const gone = idle === null ? await slowingIndexes(saying(session, 'which of them slows a statement'), times, set) : [idle];
    if (gone.length === 0) break;
    const rest = built.filter((index) => !gone.includes(index));
    const left = await measureSet(saying(session, `${rest.length} of ${built.length} index(es)`), units, { built: rest, aside: gone, rounds });
    const loss = lossOf(best.statements, left.statements);
    if (idle === null) slowing += gone.length;
    else {
      const closer = earnsPlace(loss) && !isNoticeable(best.statements, left.statements) ? await allWithout(lab, set, idle) : loss;
      if (earnsPlace(closer)) {
        // its place is what all of it lost without it
        places.set(idle, loss);
        stayed.push(`an index that no plan needs stays: without it all takes ${shown(loss)} of the time`);
        continue;
      }
      idleWords.push(`an index that earned nothing was left out: without it all takes ${shown(closer)} of the time`);
    }
    await session.client.query(dropSql(gone));
    best = idle === null || ratioOf(left) < ratioOf(best) ? left : best;
    [built, times] = [rest, left];
    places = new Map(await measureLeaveOneOut(saying(session, withoutEach(built)), times, { built, rounds }));
  }
  const slowed = slowing === 0 ? [] : [`${slowing} index(es) left out because a statement was slower with them`];
  return { built, times, places, because: [...slowed, ...idleWords, ...stayed] };
}

interface Measured {
  readonly built: readonly BuiltIndex[];
  readonly times: SetTimes;
  readonly places: ReadonlyMap<BuiltIndex, Interval>;
}

/** What makes things slower goes first; of the rest, which noise alone would order, the biggest. */
function idleOf({ built, places }: Measured): BuiltIndex | null {
  const of = (index: BuiltIndex) => places.get(index) ?? NOTHING;
  const byHarm = (a: BuiltIndex, b: BuiltIndex) => Number(of(b).high < 1) - Number(of(a).high < 1);
  return built.filter((index) => !earnsPlace(of(index))).toSorted((a, b) => byHarm(a, b) || b.sizeBytes - a.sizeBytes)[0] ?? null;
}

/** Looked at again with twice the rounds, where the first look was too short to tell. */
async function placeOf({ session, rounds }: Lab, { built, times, places }: Measured, index: BuiltIndex): Promise<Interval> {
  const first = places.get(index) ?? NOTHING;
  if (!isUnclear(first)) return first;
  const again = await measureLeaveOneOut(saying(session, 'without one of them, once more'), times, {
    built,
    only: [index],
    rounds: { ...rounds, repeats: 2 * rounds.repeats },
  });
  return again.get(index) ?? first;
}

/** Both sides in the same minute, whatever the plans show: statements of a tenth of a millisecond are slower in one minute than in another. */
async function allWithout({ session, rounds }: Lab, { built, times }: Measured, index: BuiltIndex): Promise<Interval> {
  const looked = await measureLeaveOneOut(saying(session, 'without one of them, all statements'), times, {
    built,
    only: [index],
    rounds: { ...rounds, repeats: 2 * rounds.repeats },
    isHidden: true,
  });
  return looked.get(index) ?? NOTHING;
}

const withoutEach = ({ length }: readonly BuiltIndex[]): string => `without each of ${length} index(es)`;

const ratioOf = ({ statements }: SetTimes): number => judgeTotal(statements).ratio;

const NOTHING: Interval = { ratio: 1, low: 1, high: 1 };
