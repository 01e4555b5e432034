/** A set that makes a statement slower than allowed may still be a good one without the index that does it. */
import type { Interval } from '../../../domain/optimizer/statistics.ts';
import { isTooSlow, judgeAll, judgeStatement, judgeTotal } from '../../../domain/optimizer/verdict.ts';
import type { Unit } from './execute.ts';
import { canChange, type SetTimes, type UnitTimes } from './experiment.ts';
import { alone, type Compared, compare, type Job, type LabSession, type Rounds } from './measure.ts';
import type { BuiltIndex } from './sets.ts';

export interface Measured {
  readonly built: readonly BuiltIndex[];
  /** What each index adds to the total, by leave-one-out. */
  readonly places: ReadonlyMap<BuiltIndex, Interval>;
  readonly rounds: Rounds;
}

/**
 * What to leave out so that nothing is too slow, measured with the whole set against the set without it, by the values that are too slow only: an index
 * may help a statement in total and mislead the planner for one of its values. One index where one does it, of several the one that the total misses
 * least; else those that do it in each other's place. Empty: nothing is too slow, or not by these indexes.
 */
export async function slowingIndexes(session: LabSession, times: SetTimes, { built, places, rounds }: Measured): Promise<readonly BuiltIndex[]> {
  const slowed = tooSlowUnits(times);
  const jobs: (Job & { readonly index: BuiltIndex })[] = [];
  for (const { unit } of slowed) {
    for (const index of built) if (await canChange(session, unit, [index])) jobs.push({ unit, before: [], after: [index], index });
  }
  const compared = await compare(session, jobs, rounds);
  const relieving = new Set(jobs.flatMap(({ unit, index }, place) => (isRelief(unit, compared[place]) ? index : [])));
  const [least] = [...relieving].toSorted((a, b) => worthOf(places, a) - worthOf(places, b) || b.sizeBytes - a.sizeBytes);
  if (least !== undefined) return [least];
  for (const { unit } of slowed) {
    const after = await allThatChange(session, unit, built);
    if (after.length === 0 || after.length === built.length) continue;
    if (!isRelief(unit, (await compare(session, [{ unit, before: [], after }], rounds))[0])) continue;
    return misleadingOf(session, unit, { gone: after, places, rounds });
  }
  return [];
}

interface Gone extends Pick<Measured, 'places' | 'rounds'> {
  /** Without all of them the unit is as fast as it was. */
  readonly gone: readonly BuiltIndex[];
}

/** Those that slow it by themselves, put back alone; where none does, the one that is missed least. */
async function misleadingOf(session: LabSession, unit: Unit, { gone, places, rounds }: Gone): Promise<readonly BuiltIndex[]> {
  const jobs = gone.map((index): Job => ({ unit, before: gone.filter((other) => other !== index), after: gone }));
  const compared = await compare(session, jobs, rounds);
  const misleading = gone.filter((_, place) => isRelief(unit, compared[place]));
  return misleading.length > 0 ? misleading : gone.toSorted((a, b) => worthOf(places, a) - worthOf(places, b)).slice(0, 1);
}

/** Of a statement that is too slow: those of its values that are so by themselves, all where none is. */
function tooSlowUnits({ statements, units }: SetTimes): readonly UnitTimes[] {
  const slow = judgeAll(statements).filter(isTooSlow);
  return slow.flatMap(({ statement }) => {
    const own = units.filter(({ unit, isTouched, fault, pairs }) => unit.bound.statement.id === statement && isTouched && fault === null && pairs.length > 0);
    const slowest = own.filter(({ unit, pairs }) => isTooSlow(judgeStatement(alone(unit, pairs))));
    return slowest.length > 0 ? slowest : own;
  });
}

function isRelief(unit: Unit, found: Compared | undefined): boolean {
  return found !== undefined && found.fault === null && found.pairs.length > 0 && judgeTotal([alone(unit, found.pairs)]).high < 1;
}

/** Where one index goes the planner may take another that misleads it as well. */
async function allThatChange(session: LabSession, unit: Unit, built: readonly BuiltIndex[]): Promise<readonly BuiltIndex[]> {
  const gone: BuiltIndex[] = [];
  for (;;) {
    const left = built.filter((index) => !gone.includes(index));
    let next: BuiltIndex | null = null;
    for (const index of left) {
      if (!(await canChange(session, unit, [index], gone))) continue;
      next = index;
      break;
    }
    if (next === null) return gone;
    gone.push(next);
  }
}

const worthOf = (places: Measured['places'], index: BuiltIndex): number => places.get(index)?.ratio ?? 1;
