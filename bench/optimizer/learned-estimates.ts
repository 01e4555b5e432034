/** What the estimate of a set would have been after the other sets had been measured: never with its own times. Pure. */
import { accuracyByShape, discountBy, discounted, type GainSample } from '../../domain/optimizer/accuracy.ts';
import { median } from '../statistics.ts';
import { type Estimates, isGiven, NONE } from './executed-sets.ts';
import type { Times } from './field.ts';

/** Estimated milliseconds of the queries that searches are given. */
export function learnedEstimate(name: string, { times, estimates }: { readonly times: Times; readonly estimates: ReadonlyMap<string, Estimates> }): number {
  const queries = [...times].filter(([query]) => isGiven(query));
  const others = [...estimates.keys()].filter((other) => other !== name && other !== NONE);
  const roundsOf = (query: string, set: string) => times.get(query)?.get(set)?.ms ?? [];
  // each against none of its own round: not every set has every round
  const shareOf = (query: string, set: string) => median(roundsOf(query, set).map((ms, round) => ms / (roundsOf(query, NONE)[round] ?? Number.NaN)));
  const samples = others.flatMap((other) =>
    queries.flatMap(([statement]): readonly GainSample[] => {
      const change = estimates.get(other)?.changes.get(statement);
      const measuredRatio = shareOf(statement, other);
      if (change === undefined || change.shape === null || !Number.isFinite(measuredRatio)) return [];
      return [{ cluster: 'tpch', database: 'tpch', statement, shape: change.shape, estimatedRatio: change.ratio, measuredRatio }];
    }),
  );
  const discount = discountBy(accuracyByShape(samples), samples);
  return queries.reduce((sum, [query]) => {
    const { shape, ratio } = estimates.get(name)?.changes.get(query) ?? { shape: null, ratio: 1 };
    const after = shape === null ? ratio : discounted({ before: 1, after: ratio }, discount(shape, query));
    return sum + after * median(roundsOf(query, NONE));
  }, 0);
}
