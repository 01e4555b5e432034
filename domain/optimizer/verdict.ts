/** From measured times to verdicts: a statement is faster, slower or the same; a set is worth doing or not. Pure and seeded. */
import { size } from './finding-words.ts';
import { MADE_UP } from './made-up-values.ts';
import type { BindingSource, Decision, Judgement, StatementVerdict } from './model.ts';
import { bootstrap, type Interval, median } from './statistics.ts';

/** Executions of one statement with one binding, under two conditions, pairs in the order they ran. */
export interface TimedPair {
  readonly beforeMs: number;
  readonly afterMs: number;
}

export interface BindingTimes {
  readonly source: BindingSource;
  /** At least one. A binding whose plan no index of the set can change is timed once, and stands for both. */
  readonly pairs: readonly TimedPair[];
}

export interface StatementTimes {
  readonly statement: string;
  readonly calls: number;
  /** At least one. */
  readonly bindings: readonly BindingTimes[];
}

/** A statement may not become slower than this, beyond noise. */
export const SLOWEST_RATIO = 1.1;
/** Milliseconds; below this two medians differ by nothing that anybody could notice, or a timer tell. */
export const NOISE_MS = 0.05;

/** A statement's ratio is that of its bindings' medians together; it is slower where any of its bindings is. */
export function judgeStatement({ statement, bindings }: StatementTimes): StatementVerdict {
  const whole = ratioOf(bindings);
  const each = bindings.length === 1 ? [whole] : bindings.map((binding) => ratioOf([binding]));
  const worstAt = each.reduce((a, { low }, at) => (low > (each[a]?.low ?? 0) ? at : a), 0);
  const worst = each[worstAt] ?? whole;
  const worstSource = bindings[worstAt]?.source ?? 'generic';
  const isSlower = each.some(({ low }, at) => low > 1 && differs(bindings.slice(at, at + 1))) || (whole.low > 1 && differs(bindings));
  const judged: Judgement = isSlower ? 'slower' : whole.high < 1 && differs(bindings) ? 'faster' : 'same';
  return { statement, ...whole, judged, worst: worst.ratio, worstLow: worst.low, worstSource, bindingSource: leastOf(bindings) };
}

/** Milliseconds that a write may take longer for indexes to be kept up, and the share of what a change saves that all its calls together may cost. */
export const UPKEEP_MS = 0.25;
export const UPKEEP_SHARE = 0.1;

/** Each statement under a set of new indexes; what keeping them up costs a write is told from what makes a statement slow. */
export function judgeAll(statements: readonly (StatementTimes & { readonly isWrite: boolean })[]): readonly StatementVerdict[] {
  const addedMs = (each: StatementTimes) => {
    const { before, after } = allCalls(each, (from) => from);
    return after - before;
  };
  const savedMs = statements.reduce((sum, each) => sum - Math.min(0, addedMs(each)), 0);
  return statements.map((each) => {
    const verdict = judgeStatement(each);
    const isSmall = each.bindings.every((binding) => addedMs({ ...each, calls: 1, bindings: [binding] }) <= UPKEEP_MS);
    const isUpkeep = each.isWrite && verdict.judged === 'slower' && isSmall && addedMs(each) < UPKEEP_SHARE * savedMs;
    return isUpkeep ? { ...verdict, isUpkeep } : verdict;
  });
}

/** The executed total over all statements, each weighted by its calls. */
export const judgeTotal = (statements: readonly StatementTimes[]): Interval =>
  bootstrap((pick) => {
    let [before, after] = [0, 0];
    for (const each of statements) {
      const sums = allCalls(each, pick);
      before += sums.before;
      after += sums.after;
    }
    return before === 0 ? 1 : after / before;
  });

export interface MeasuredIndex {
  readonly sql: string;
  /** Executed total without this one against with the whole set: above 1 it earns its place. null: not measured. */
  readonly leaveOneOut: Interval | null;
}

export interface MeasuredSet {
  readonly statements: readonly StatementVerdict[];
  readonly total: Interval;
  readonly sizeBytes: number;
  readonly budgetBytes: number;
  readonly indexes: readonly MeasuredIndex[];
}

/** Accepted only with a proven gain in total, nothing slower beyond noise, room for it, and every index earning its place. */
export function decide({ statements, total, sizeBytes, budgetBytes, indexes }: MeasuredSet): Decision {
  const against: string[] = [];
  const slower = statements.filter(isTooSlow);
  const faster = statements.filter(({ judged }) => judged === 'faster');
  if (!(total.high < 1)) against.push(`no gain is proven: executed total ${shown(total)} of before`);
  if (slower.length > 0) against.push(`${slower.length} statement(s) become slower than ${SLOWEST_RATIO}×: ${slower.map(howSlow).join(', ')}`);
  if (sizeBytes > budgetBytes) against.push(`${size(sizeBytes)} really, ${size(budgetBytes)} are allowed`);
  const idle = indexes.filter(({ leaveOneOut }) => leaveOneOut !== null && !earnsPlace(leaveOneOut));
  if (idle.length > 0) against.push(`${idle.length} index(es) earn nothing that the others do not`);
  if (against.length > 0) return { verdict: 'rejected', because: against };
  const because = [
    `executed total ${shown(total)} of before`,
    `${faster.length} of ${statements.length} statement(s) faster, ${slowerWords(statements)}`,
    `${indexes.length} index(es), ${size(sizeBytes)}`,
  ];
  return { verdict: 'accepted', because };
}

/** One value of a statement may be slower where the statement is not; whoever reads it must know which it was, and whether anybody sends it. */
function howSlow({ statement, ratio, worst = ratio, bindingSource, worstSource = bindingSource }: StatementVerdict): string {
  const isMadeUp = worstSource === 'synthetic';
  if (worst <= ratio) return `${statement} (${ratio.toFixed(2)}×${isMadeUp ? ` with ${MADE_UP}` : ''})`;
  return `${statement} (${worst.toFixed(2)}× with one of its ${isMadeUp ? MADE_UP : 'values'}; ${ratio.toFixed(2)}× with all)`;
}

/** What is slower, but may be: a reader who sees one in the table must not find that there is none. */
function slowerWords(statements: readonly StatementVerdict[]): string {
  const slower = statements.filter(({ judged }) => judged === 'slower').length;
  const upkept = statements.filter(({ isUpkeep }) => isUpkeep).length;
  if (slower === 0) return 'none slower';
  const but = upkept === 0 ? '' : `, or by at most ${UPKEEP_MS} ms a call of a write (${upkept}), less than a tenth of what is saved`;
  return `${slower} slower, though not by more than ${SLOWEST_RATIO}× beyond noise${but}`;
}

export const earnsPlace = ({ low }: Interval): boolean => low > 1;

/** Slower than allowed, whatever the noise; not by keeping indexes up. */
export const isTooSlow = ({ judged, low, worstLow = low, isUpkeep }: StatementVerdict): boolean =>
  judged === 'slower' && Math.max(low, worstLow) > SLOWEST_RATIO && isUpkeep !== true;

/** More executions would tell nothing that is worth them: they take long, and what is seen is far from where it would be judged otherwise. */
export function isClear(times: StatementTimes): boolean {
  const { low, high } = judgeStatement(times);
  // a few short ones may all be far off by chance
  const isLong = times.bindings.some(({ pairs }) => pairs.every(({ beforeMs, afterMs }) => Math.max(beforeMs, afterMs) > LONG_MS));
  return isLong && (high < CLEARLY_FASTER || low > CLEARLY_SLOWER);
}

const LONG_MS = 100;
const CLEARLY_FASTER = 0.9;
const CLEARLY_SLOWER = 1.25;

/** Where half as much time again was seen, noise is no excuse: what goes must be seen to do no harm, not the harm be proven. */
const SEEN_HARM = 1.5;

/** Of a removal. */
export const doesHarm = ({ judged, ratio, worst = ratio }: StatementVerdict): boolean => judged === 'slower' || Math.max(ratio, worst) > SEEN_HARM;

export const shown = ({ ratio, low, high }: Interval): string => `${ratio.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;

type Pick = <T>(from: readonly T[]) => readonly T[];

/** Milliseconds of all its calls, each binding as often as every other. */
function allCalls({ calls, bindings }: StatementTimes, pick: Pick): { before: number; after: number } {
  const { before, after } = sumsOf(bindings, pick);
  return { before: (calls * before) / bindings.length, after: (calls * after) / bindings.length };
}

function sumsOf(bindings: readonly BindingTimes[], pick: Pick): { before: number; after: number } {
  let [before, after] = [0, 0];
  for (const { pairs } of bindings) {
    // whole pairs are drawn: what disturbed both sides of one stays in both
    const drawn = pick(pairs);
    before += median(drawn.map(({ beforeMs }) => beforeMs));
    after += median(drawn.map(({ afterMs }) => afterMs));
  }
  return { before, after };
}

function ratioOf(bindings: readonly BindingTimes[]): Interval {
  const ratio = (pick: Pick) => {
    const { before, after } = sumsOf(bindings, pick);
    return before === 0 ? 1 : after / before;
  };
  if (bindings.some(({ pairs }) => pairs.length > 1)) return bootstrap(ratio);
  // of single pairs there is nothing to draw
  const only = ratio((from) => from);
  return { ratio: only, low: only, high: only };
}

function differs(bindings: readonly BindingTimes[]): boolean {
  const { before, after } = sumsOf(bindings, (from) => from);
  return Math.abs(after - before) > NOISE_MS * bindings.length;
}

const WORTH: readonly BindingSource[] = ['captured', 'synthetic', 'generic'];

/** A verdict is worth what its weakest values are. */
const leastOf = (bindings: readonly BindingTimes[]): BindingSource => WORTH[Math.max(...bindings.map(({ source }) => WORTH.indexOf(source)))] ?? 'generic';
