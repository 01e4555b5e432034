/** One set on the lab: which statements it can change at all, how much, and what each of its indexes adds. */
import type { NotJudged, StatementVerdict } from '../../../domain/optimizer/model.ts';
import type { Interval } from '../../../domain/optimizer/statistics.ts';
import { doesHarm, isTooSlow, judgeStatement, judgeTotal, type StatementTimes, type TimedPair } from '../../../domain/optimizer/verdict.ts';
import { planText, type Unit } from './execute.ts';
import { alone, type Compared, type Cost, compare, type Job, type LabSession, type Rounds, saying, timeOnce } from './measure.ts';
import type { BuiltObject } from './sets.ts';

export interface UnitTimes extends Compared {
  readonly unit: Unit;
  /** False: no index of the set can change its plan, and it writes nothing; it was timed once. */
  readonly isTouched: boolean;
}

export interface MeasuredStatement extends StatementTimes {
  readonly isWrite: boolean;
  /** By our own clock. */
  readonly wall: StatementTimes;
  readonly before: Cost;
  readonly after: Cost;
}

export interface SetTimes {
  readonly units: readonly UnitTimes[];
  readonly statements: readonly MeasuredStatement[];
  readonly notJudged: readonly NotJudged[];
}

export interface Comparing {
  readonly built: readonly BuiltObject[];
  readonly rounds: Rounds;
  /** The set is what goes: without it against with it. Any slowness is looked at again, not only one beyond what a new index may cost. Default false. */
  readonly isRemoval?: boolean;
  /** There as well, and away on both sides: what is measured is the set without them. Default none. */
  readonly aside?: readonly BuiltObject[];
}

/** With the set against without it. What looks too slow is looked at again, with more rounds, before it counts. */
export async function measureSet(session: LabSession, units: readonly Unit[], comparing: Comparing): Promise<SetTimes> {
  const { built, rounds, aside = [] } = comparing;
  const touched: Unit[] = [];
  const times: UnitTimes[] = [];
  const changes = new Map<Unit, boolean>();
  for (const unit of units) changes.set(unit, await canChange(session, unit, built, aside));
  // where what goes changes no plan at all, there is nothing that times could tell
  if (comparing.isRemoval && [...changes.values()].every((isChanged) => !isChanged)) return { units: [], statements: [], notJudged: [] };
  for (const unit of units) {
    if (changes.get(unit)) touched.push(unit);
    else if (await readsNothing(session, unit)) times.push({ unit, isTouched: false, ...unexecuted });
    else times.push({ unit, isTouched: false, ...(await timeOnce(session, unit, aside)) });
  }
  const compared = await compare(session, touched.map(jobOf(comparing)), rounds);
  const first = touched.map((unit, place): UnitTimes => ({ unit, isTouched: true, ...found(compared, place) }));
  times.push(...(await secondLook(session, first, comparing)));
  return summed(units.flatMap((unit) => times.find((each) => each.unit === unit) ?? []));
}

const jobOf =
  ({ built, isRemoval = false, aside = [] }: Comparing) =>
  (unit: Unit): Job =>
    isRemoval ? { unit, before: aside, after: [...built, ...aside] } : { unit, before: [...built, ...aside], after: aside };

export interface LeavingOut<B> {
  readonly built: readonly B[];
  /** Default all. */
  readonly only?: readonly B[];
  readonly rounds: Rounds;
  /** Statements whose plans do not show an index may use it all the same. Default false. */
  readonly isHidden?: boolean;
}

/** Executed total without one index against with the whole set, by index; above 1 it earns its place. The set is built. */
export async function measureLeaveOneOut<B extends BuiltObject>(
  session: LabSession,
  whole: SetTimes,
  { built, only = built, rounds, isHidden = false }: LeavingOut<B>,
): Promise<ReadonlyMap<B, Interval>> {
  const jobs: (Job & { readonly index: B })[] = [];
  for (const { unit } of whole.units.filter(({ isTouched, fault }) => isTouched && fault === null)) {
    for (const index of only) if (isHidden || (await canChange(session, unit, [index]))) jobs.push({ unit, before: [], after: [index], index });
  }
  const compared = await compare(session, jobs, { ...rounds, isThrifty: true });
  return new Map(
    only.map((index) => {
      const pairsOf = (unit: Unit): readonly TimedPair[] | undefined => compared[jobs.findIndex((job) => job.index === index && job.unit === unit)]?.pairs;
      const units = whole.units.map((each) => ({ ...each, pairs: pairsOf(each.unit) ?? unchanged(each.pairs) }));
      return [index, judgeTotal(summed(units).statements)];
    }),
  );
}

/** Does the plan differ where these are away, and `aside` on both sides? Whoever writes to their tables may have to keep them up, whatever the plan. */
export async function canChange({ client }: LabSession, unit: Unit, away: readonly BuiltObject[], aside: readonly BuiltObject[] = []): Promise<boolean> {
  try {
    const plan = await planText(client, unit, aside);
    const isThere = ({ relations }: BuiltObject) => relations.some((name) => plan.includes(`"Relation Name":${JSON.stringify(name)}`));
    // a SELECT may write too, in a WITH
    if (plan.includes('"Node Type":"ModifyTable"') && away.some(isThere)) return true;
    return plan !== (await planText(client, unit, [...away, ...aside]));
  } catch {
    return true; // it will fail in its turn, and then say why
  }
}

/** Only functions are called, whatever they may do: no index changes that, and it need not be done. */
export async function readsNothing({ client }: LabSession, unit: Unit): Promise<boolean> {
  return planText(client, unit, []).then(
    (plan) => !plan.includes('"Relation Name"'),
    () => false,
  );
}

/** What stands for times of a statement that only calls functions. */
export const unexecuted: Compared = {
  pairs: [],
  wall: [],
  before: { blocks: 0, walBytes: 0, tempBlocks: 0 },
  after: { blocks: 0, walBytes: 0, tempBlocks: 0 },
  fault: { reason: 'catalogue-only', detail: 'it reads no table by itself; what functions run is counted where pg_stat_statements.track is all' },
};

async function secondLook(session: LabSession, times: readonly UnitTimes[], comparing: Comparing): Promise<readonly UnitTimes[]> {
  const { rounds, isRemoval = false } = comparing;
  const isSuspect = (verdict: StatementVerdict) => (isRemoval ? doesHarm(verdict) : isTooSlow(verdict));
  const suspects = times.filter(({ fault, pairs, unit }) => fault === null && pairs.length > 0 && isSuspect(judgeStatement(alone(unit, pairs))));
  if (suspects.length === 0) return times;
  const jobs = suspects.map(({ unit }) => jobOf(comparing)(unit));
  const again = await compare(saying(session, 'what looked too slow, again'), jobs, { repeats: rounds.repeats * 2, untilMs: Number.POSITIVE_INFINITY });
  return times.map((each) => {
    const place = suspects.indexOf(each);
    return place === -1 ? each : { ...each, pairs: [...each.pairs, ...found(again, place).pairs] };
  });
}

/** Bindings of one statement together; it is judged by those that could be executed, and left out where none could. */
export function summed(units: readonly UnitTimes[]): SetTimes {
  const statements: MeasuredStatement[] = [];
  const notJudged: NotJudged[] = [];
  for (const id of new Set(units.map(({ unit }) => unit.bound.statement.id))) {
    const own = units.filter(({ unit }) => unit.bound.statement.id === id);
    const good = own.filter(({ fault, pairs }) => fault === null && pairs.length > 0);
    const calls = own[0]?.unit.bound.statement.calls ?? 0;
    if (good.length === 0) {
      const fault = own.find((each) => each.fault !== null)?.fault ?? { reason: 'budget' as const, detail: 'no time was left' };
      notJudged.push({ statement: id, ...fault });
      continue;
    }
    const timesBy = (clock: 'pairs' | 'wall'): StatementTimes => ({
      statement: id,
      calls,
      bindings: good.map((each) => ({ source: each.unit.binding.source, pairs: each[clock] })),
    });
    statements.push({
      ...timesBy('pairs'),
      isWrite: own[0]?.unit.bound.statement.kind !== 'select',
      wall: timesBy('wall'),
      before: total(good.map(({ before }) => before)),
      after: total(good.map(({ after }) => after)),
    });
  }
  return { units, statements, notJudged };
}

/** The whole set on both sides. */
const unchanged = (pairs: readonly TimedPair[]): readonly TimedPair[] => pairs.map(({ afterMs }) => ({ beforeMs: afterMs, afterMs }));

const total = (costs: readonly Cost[]): Cost => ({
  blocks: costs.reduce((sum, { blocks }) => sum + blocks, 0),
  walBytes: costs.reduce((sum, { walBytes }) => sum + walBytes, 0),
  tempBlocks: costs.reduce((sum, { tempBlocks }) => sum + tempBlocks, 0),
});

function found(compared: readonly Compared[], place: number): Compared {
  const each = compared[place];
  if (each === undefined) throw new TypeError('every job has its answer');
  return each;
}
