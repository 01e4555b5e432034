/**
 * How much of the planner's estimated gains was there when it was measured, by the shape of the change, and what that makes of later estimates. Pure.
 *
 * A sample is one statement under one set on one lab: estimated gain e = 1 − cost after / cost before, measured gain m = 1 − time after / time before.
 *   realised of a shape = Σ m / Σ e                                (a ratio estimator: small estimated gains weigh little)
 *   discount            = (n · realised + PRIOR · 1) / (n + PRIOR)   within [FLOOR, 1]
 * The second line is Bühlmann's credibility estimate with the planner's own word as the prior (H. Bühlmann, "Experience Rating and Credibility",
 * ASTIN Bulletin 4(3), 1967): Z = n / (n + PRIOR) of what was seen, 1 − Z of what is believed.
 *
 * A statement that was measured under a plan of the same shape is believed before its shape is: the same rule over its own samples, with OWN_PRIOR and
 * the shape's discount as the prior (nested credibility: W. S. Jewell, "The Use of Collateral Data in Credibility Theory", 1975). Below 0: it was slower.
 */
import { bootstrap, type Interval } from './statistics.ts';

export interface GainSample {
  readonly cluster: string;
  readonly database: string;
  readonly statement: string;
  /** `domain/optimizer/plan-change.ts`. */
  readonly shape: string;
  /** After / before: planner's cost with the indexes built, and executed time. */
  readonly estimatedRatio: number;
  readonly measuredRatio: number;
}

export interface ShapeAccuracy {
  readonly shape: string;
  /** Different statements. */
  readonly count: number;
  /** Mean gains, as shares of a statement's cost and time. */
  readonly estimated: number;
  readonly measured: number;
  /** Measured / estimated; null where the estimated gains say nothing (or add up to none). Its interval: null below three statements. */
  readonly realised: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** By which a search multiplies estimated gains of this shape. */
  readonly discount: number;
}

/** Statements that the planner's own word is worth. */
export const PRIOR = 4;
/** Samples of the statement itself that what is known of its shape is worth. */
export const OWN_PRIOR = 2;
/** A shape is never ruled out: only measuring does that. */
export const FLOOR = 0.25;
/** An estimated gain below this says nothing about how much of it was there. */
const LEAST_GAIN = 0.05;
/** One statement that went badly wrong is one statement. */
const WORST_GAIN = -1;
/** What one shape may be seen to realise. */
const REALISED: readonly [number, number] = [-1, 2];
const LEAST_FOR_INTERVAL = 3;
const SAID_BELOW = 0.9;

/** Most samples first. Of one statement and shape the first sample counts, so newest first is the order to give them in. */
export function accuracyByShape(samples: readonly GainSample[]): readonly ShapeAccuracy[] {
  const shapes = new Map<string, Gain[]>();
  for (const { shape, ...sample } of distinct(samples)) shapes.set(shape, [...(shapes.get(shape) ?? []), gainOf(sample)]);
  return [...shapes].map(([shape, gains]) => accuracyOf(shape, gains)).toSorted((a, b) => b.count - a.count || (a.shape < b.shape ? -1 : 1));
}

/** What a search multiplies estimated gains of a statement by; 1 for a shape that was never measured. */
export type Discount = (shape: string, statement: string) => number;

/** `samples`: of one database, newest first; left out: only the shape counts. */
export function discountBy(accuracy: readonly ShapeAccuracy[], samples: readonly GainSample[] = []): Discount {
  const known = new Map(accuracy.map(({ shape, discount }) => [shape, discount]));
  const own = new Map<string, GainSample[]>();
  for (const sample of differentPlans(samples)) own.set(sample.statement, [...(own.get(sample.statement) ?? []), sample]);
  return (shape, statement) => {
    const seen = (own.get(statement) ?? []).filter((sample) => sample.shape === shape);
    return believed(seen, known.get(shape) ?? 1);
  };
}

/** Samples of one statement and shape, as far as they say something. */
function believed(samples: readonly GainSample[], prior: number): number {
  const telling = samples.map(gainOf).filter(({ estimated }) => estimated >= LEAST_GAIN);
  if (telling.length === 0) return prior;
  const realised = Math.min(REALISED[1], Math.max(REALISED[0], realisedOf(telling)));
  return Math.min(1, (telling.length * realised + OWN_PRIOR * prior) / (telling.length + OWN_PRIOR));
}

/** Only gains are discounted: what is expected to become dearer stays as dear. */
export const discounted = (cost: { readonly before: number; readonly after: number }, discount: number): number =>
  cost.after >= cost.before ? cost.after : cost.before - (cost.before - cost.after) * discount;

/** Discounts that change what a search finds are said beside it. */
export const discountNotices = (accuracy: readonly ShapeAccuracy[]): readonly string[] =>
  accuracy
    .filter(({ discount }) => discount <= SAID_BELOW)
    .map(
      ({ shape, discount, count }) =>
        `estimated gains by "${shape}" count ${discount.toFixed(2)} times: less of them was measured before (${count} statement(s))`,
    );

interface Gain {
  readonly estimated: number;
  readonly measured: number;
}

const gainOf = ({ estimatedRatio, measuredRatio }: Pick<GainSample, 'estimatedRatio' | 'measuredRatio'>): Gain => ({
  estimated: Math.max(WORST_GAIN, 1 - estimatedRatio),
  measured: Math.max(WORST_GAIN, 1 - measuredRatio),
});

function accuracyOf(shape: string, gains: readonly Gain[]): ShapeAccuracy {
  const mean = (of: keyof Gain) => gains.reduce((sum, gain) => sum + gain[of], 0) / gains.length;
  const telling = gains.filter(({ estimated }) => estimated >= LEAST_GAIN);
  const interval: Interval | null = telling.length < LEAST_FOR_INTERVAL ? null : bootstrap((pick) => realisedOf(pick(telling)));
  const realised = telling.length === 0 ? null : realisedOf(telling);
  return {
    shape,
    count: gains.length,
    estimated: mean('estimated'),
    measured: mean('measured'),
    realised,
    low: interval?.low ?? null,
    high: interval?.high ?? null,
    discount: realised === null ? 1 : shrunk(realised, telling.length),
  };
}

const realisedOf = (gains: readonly Gain[]): number =>
  gains.reduce((sum, { measured }) => sum + measured, 0) / gains.reduce((sum, { estimated }) => sum + estimated, 0);

/** Towards 1 where few statements say it; never above 1, so that a search promises no more than the planner does. */
export function shrunk(realised: number, count: number): number {
  const bounded = Math.min(REALISED[1], Math.max(REALISED[0], realised));
  return Math.min(1, Math.max(FLOOR, (count * bounded + PRIOR) / (count + PRIOR)));
}

function distinct(samples: readonly GainSample[]): readonly GainSample[] {
  const known = new Map<string, GainSample>();
  for (const sample of samples) {
    const key = JSON.stringify([sample.cluster, sample.database, sample.statement, sample.shape]);
    if (!known.has(key)) known.set(key, sample);
  }
  return [...known.values()];
}

/** The same plan under two sets is one sample; so many of a statement and shape count, the newest. */
const MOST_OWN = 12;

function differentPlans(samples: readonly GainSample[]): readonly GainSample[] {
  const known = new Set<string>();
  const counts = new Map<string, number>();
  return samples.filter(({ statement, shape, estimatedRatio }) => {
    const key = JSON.stringify([statement, shape, estimatedRatio.toFixed(3)]);
    const group = JSON.stringify([statement, shape]);
    const count = counts.get(group) ?? 0;
    if (known.has(key) || count >= MOST_OWN) return false;
    known.add(key);
    counts.set(group, count + 1);
    return true;
  });
}
