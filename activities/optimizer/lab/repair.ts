/** A set that makes a statement slower than allowed may still be a good one without the index that does it. */
import type { Interval } from '../../../domain/optimizer/statistics.ts';
import { isTooSlow, judgeAll, judgeTotal } from '../../../domain/optimizer/verdict.ts';
import { canChange, type SetTimes, type UnitTimes } from './experiment.ts';
import { compare, type Job, type LabSession, type Rounds } from './measure.ts';
import type { BuiltIndex } from './sets.ts';

export interface Measured {
  readonly built: readonly BuiltIndex[];
  /** What each index adds to the total, by leave-one-out. */
  readonly places: ReadonlyMap<BuiltIndex, Interval>;
  readonly rounds: Rounds;
}

/**
 * Measured with the whole set against the set without it: the index whose absence makes what is too slow faster. Of several the one that the total
 * misses least. null: nothing is too slow, or none of them alone does it.
 */
export async function slowingIndex(session: LabSession, { statements, units }: SetTimes, { built, places, rounds }: Measured): Promise<BuiltIndex | null> {
  const slow = new Set(
    judgeAll(statements)
      .filter(isTooSlow)
      .map(({ statement }) => statement),
  );
  const slowed = units.filter(({ unit, isTouched, fault }) => isTouched && fault === null && slow.has(unit.bound.statement.id));
  const jobs: (Job & { readonly index: BuiltIndex })[] = [];
  for (const { unit } of slowed) {
    for (const index of built) if (await canChange(session, unit, [index])) jobs.push({ unit, before: [], after: [index], index });
  }
  const compared = await compare(session, jobs, rounds);
  const reliefBy = (index: BuiltIndex): Interval =>
    judgeTotal(
      slowed.flatMap(({ unit }: UnitTimes) => {
        const found = compared[jobs.findIndex((job) => job.index === index && job.unit === unit)];
        if (found === undefined || found.fault !== null || found.pairs.length === 0) return [];
        const { id, calls } = unit.bound.statement;
        return [{ statement: id, calls, bindings: [{ source: unit.binding.source, pairs: found.pairs }] }];
      }),
    );
  const relieving = built.filter((index) => reliefBy(index).high < 1);
  return relieving.toSorted((a, b) => worthOf(places, a) - worthOf(places, b) || b.sizeBytes - a.sizeBytes)[0] ?? null;
}

const worthOf = (places: Measured['places'], index: BuiltIndex): number => places.get(index)?.ratio ?? 1;
