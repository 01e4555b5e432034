/**
 * A text together with the indexes that it allows: a range of the bare column pays only where an index serves it. Measured side by side: text and indexes, the indexes
 * with the statement as it is, the text alone. What the run recommends already is there too, with the statement as it is: what the text adds to that counts.
 */
import type { IndexDefinition, StatementVerdict } from '../../../domain/optimizer/model.ts';
import { WORTH_WRITING } from '../../../domain/optimizer/rewrite.ts';
import type { Interval } from '../../../domain/optimizer/statistics.ts';
import { isTooSlow, judgeStatement, judgeTotal, SLOWEST_RATIO, shown } from '../../../domain/optimizer/verdict.ts';
import { planText, type Unit } from '../lab/execute.ts';
import { canChange, measureSet } from '../lab/experiment.ts';
import { type Compared, compare, type Job, type LabSession, type Rounds } from '../lab/measure.ts';
import type { BuiltIndex } from '../lab/sets.ts';
import { timesOf } from './compare.ts';

export interface Worlds {
  /** One statement's, one for each set of values, and the same of the other text. */
  readonly units: readonly Unit[];
  readonly others: readonly Unit[];
  /** All that are there: for the other text, and of the run. */
  readonly own: readonly BuiltIndex[];
  readonly run: readonly BuiltIndex[];
  readonly rounds: Rounds;
  /** There as well, for other texts: always away. */
  readonly aside: readonly BuiltIndex[];
  /** Other statements of the run. */
  readonly rest: readonly Unit[];
}

export interface Together {
  readonly verdict: StatementVerdict;
  /** Text and its own indexes against the statement as it is today. */
  readonly both: Interval;
  readonly wall: Interval;
  /** All indexes, its own and the run's, with the statement as it is. */
  readonly indexesAlone: Interval;
  /** Of its own, those that its plans use. */
  readonly used: readonly BuiltIndex[];
  /** Why it is not worth it; empty: it is. */
  readonly against: readonly string[];
}

/** null: its plans use none of the indexes. */
export async function measuredTogether(session: LabSession, worlds: Worlds): Promise<Together | null> {
  const { units, others, own, run, aside, rounds } = worlds;
  const used: BuiltIndex[] = [];
  for (const index of own) if (await planNeeds(session, others, { index, away: [...run, ...aside] })) used.push(index);
  if (used.length === 0) return null;
  const [all, theirs] = [
    [...own, ...run, ...aside],
    [...run, ...aside],
  ];
  const kinds: Readonly<Record<'both' | 'indexes' | 'adds' | 'earns', (unit: Unit, other: Unit) => Job>> = {
    both: (unit, instead) => ({ unit, instead, before: all, after: theirs }),
    indexes: (unit) => ({ unit, before: all, after: aside }),
    adds: (unit, instead) => ({ unit, instead, before: aside, after: theirs }),
    earns: (_, other) => ({ unit: other, before: all, after: theirs }),
  };
  const jobs = Object.entries(kinds).flatMap(([kind, make]) => units.map((unit, place) => ({ kind, job: make(unit, others[place] as Unit) })));
  const compared = await compare(
    session,
    jobs.map(({ job }) => job),
    rounds,
  );
  const of = (kind: keyof typeof kinds): readonly Compared[] => compared.filter((_, place) => jobs[place]?.kind === kind);
  const intervalOf = (kind: keyof typeof kinds, clock: 'pairs' | 'wall' = 'pairs') => judgeTotal([timesOf(units, of(kind), clock)]);
  if (compared.some(({ fault }) => fault !== null) || timesOf(units, of('both'), 'pairs').bindings.length === 0) return null;
  const verdict = judgeStatement(timesOf(units, of('both'), 'pairs'));
  const [both, indexesAlone, adds, earns] = [intervalOf('both'), intervalOf('indexes'), intervalOf('adds'), intervalOf('earns')];
  const against = [
    ...(verdict.judged === 'faster' && both.high <= WORTH_WRITING ? [] : [`no gain is proven of it with its indexes: executed ${shown(both)} of before`]),
    ...(adds.high <= WORTH_WRITING
      ? []
      : [`with indexes the statement as it is is as fast: they leave ${shown(indexesAlone)}, the text with them ${shown(both)}`]),
    ...(earns.high <= WORTH_WRITING ? [] : [`its indexes add nothing to the text alone: ${shown(earns)} of its time`]),
    ...((verdict.worst ?? 1) > SLOWEST_RATIO && (verdict.worstLow ?? 1) > 1 ? [`with some values it takes ${(verdict.worst ?? 1).toFixed(2)} × as long`] : []),
  ];
  const slowed = against.length > 0 ? [] : await slowedBy(session, worlds, used);
  return { verdict, both, wall: intervalOf('both', 'wall'), indexesAlone, used, against: [...against, ...slowed] };
}

/** What keeping the indexes up, or another plan because of them, costs other statements. */
async function slowedBy(session: LabSession, { rest, rounds }: Worlds, used: readonly BuiltIndex[]): Promise<readonly string[]> {
  const touched: Unit[] = [];
  for (const unit of rest) if (await canChange(session, unit, used)) touched.push(unit);
  if (touched.length === 0) return [];
  const { statements } = await measureSet(session, touched, { built: used, rounds: { ...rounds, repeats: 3 } });
  const slower = statements.map(judgeStatement).filter(isTooSlow);
  return slower.length === 0 ? [] : [`its indexes make other statements slower than ${SLOWEST_RATIO}×: ${slower.map(({ statement }) => statement).join(', ')}`];
}

export interface Beside {
  /** The other text against the statement as it is, where all that the run recommends is there; null: none of it changes the statement's plan. */
  readonly left: Interval | null;
  /** Indexes of the run that the statement uses, and with the other text does not; `isOnly`: no other statement of the run uses it either. */
  readonly useless: readonly { readonly index: IndexDefinition; readonly isOnly: boolean }[];
}

/** What becomes of the run's indexes with the text, and with its own indexes where it needs them. */
export async function besideRun(session: LabSession, { units, others, own, run, aside, rounds, rest }: Worlds, isWithOwn: boolean): Promise<Beside> {
  const before = [...own, ...aside];
  const after = isWithOwn ? aside : before;
  const served: BuiltIndex[] = [];
  for (const index of run) if (await planNeeds(session, units, { index, away: before })) served.push(index);
  if (served.length === 0) return { left: null, useless: [] };
  const useless: { index: IndexDefinition; isOnly: boolean }[] = [];
  for (const index of served) {
    if (await planNeeds(session, others, { index, away: after })) continue;
    useless.push({ index: index.index, isOnly: !(await planNeeds(session, rest, { index, away: before })) });
  }
  const jobs = units.map((unit, place): Job => ({ unit, instead: others[place] as Unit, before, after }));
  const times = timesOf(units, await compare(session, jobs, rounds), 'pairs');
  return { left: times.bindings.length === 0 ? null : judgeTotal([times]), useless };
}

/** Of reads: who only keeps it up does not need it. */
async function planNeeds(
  { client }: LabSession,
  units: readonly Unit[],
  { index, away }: { readonly index: BuiltIndex; readonly away: readonly BuiltIndex[] },
) {
  for (const unit of units) {
    // one session: one after the other
    const there = await planText(client, unit, away).catch(() => null);
    if (there !== null && there !== (await planText(client, unit, [...away, index]).catch(() => there))) return true;
  }
  return false;
}
