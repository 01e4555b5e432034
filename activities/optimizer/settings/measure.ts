/** Statements with their settings against without, executed on the lab: beside all else that the run recommends, and alone. */
import type { StatementVerdict } from '../../../domain/optimizer/model.ts';
import { judgeKept } from '../../../domain/optimizer/setting-verdict.ts';
import type { Interval } from '../../../domain/optimizer/statistics.ts';
import { isTooSlow, judgeStatement, judgeTotal, type StatementTimes } from '../../../domain/optimizer/verdict.ts';
import type { Away, LocalSettings, Unit } from '../lab/execute.ts';
import { type Compared, compare, type Job, type LabSession, type Rounds } from '../lab/measure.ts';
import type { BuiltObject } from '../lab/sets.ts';
import type { SettingIdea } from './executed.ts';
import { AUTO } from './generic.ts';
import type { StatementIdea } from './ideas.ts';

export interface MeasuredUnit extends Compared {
  readonly unit: Unit;
}

export interface MeasuredIdea extends StatementIdea {
  /** With its settings against without, where all else is there. */
  readonly units: readonly Unit[];
  readonly times: readonly MeasuredUnit[];
  readonly verdict: StatementVerdict;
  /** Where nothing else is there; null: nothing of it changes this statement. */
  readonly alone: Interval | null;
  /** Executed time without this one setting against with all of the statement's; above 1 it earns its place. */
  readonly places: readonly Interval[];
}

export interface Comparing {
  readonly beside: readonly BuiltObject[];
  readonly rounds: Rounds;
}

/** A statement that could not be executed with or without is left out. */
export async function measureIdeas(session: LabSession, ideas: readonly StatementIdea[], { beside, rounds }: Comparing): Promise<readonly MeasuredIdea[]> {
  // dropping an index makes PostgreSQL forget kept plans: what is measured where nothing is away goes first, and by itself
  const together = await timed(session, ideas, { away: [], rounds });
  const apart = ideas.filter(({ isTouched }) => isTouched);
  const alone = await timed(session, apart, { away: beside, rounds });
  const measured: MeasuredIdea[] = [];
  for (const idea of ideas) {
    const times = await secondLook(session, idea, { times: together.get(idea) ?? [], rounds });
    const judged = statementTimes(idea, times);
    if (judged === null) continue;
    const without = statementTimes(idea, alone.get(idea) ?? []);
    measured.push({
      ...idea,
      ...{ times, verdict: (isKept(idea.settings) ? judgeKept : judgeStatement)(judged), alone: without === null ? null : judgeTotal([without]) },
      places: await placesOf(session, idea, rounds),
    });
  }
  return measured;
}

interface Conditions {
  readonly away: Away;
  readonly rounds: Rounds;
}

async function timed(
  session: LabSession,
  ideas: readonly StatementIdea[],
  { away, rounds }: Conditions,
): Promise<ReadonlyMap<StatementIdea, readonly MeasuredUnit[]>> {
  const jobs = ideas.flatMap((idea) => idea.units.map((unit) => ({ idea, job: jobOf(idea.settings, unit, away) })));
  const compared =
    jobs.length === 0
      ? []
      : await compare(
          session,
          jobs.map(({ job }) => job),
          rounds,
        );
  const times = new Map<StatementIdea, MeasuredUnit[]>();
  for (const [place, { idea, job }] of jobs.entries()) {
    const found = compared[place];
    if (found === undefined) throw new TypeError('every job has its answer');
    times.set(idea, [...(times.get(idea) ?? []), { unit: job.unit, ...byClock(idea.settings, found) }]);
  }
  return times;
}

function jobOf(settings: readonly SettingIdea[], unit: Unit, away: Away): Job {
  return { unit, before: away, after: away, settings: { before: settingsBefore(settings), after: valuesOf(settings) } };
}

/** What the statement runs with for its application today, beside what the session has. */
export const settingsBefore = (settings: readonly SettingIdea[]): LocalSettings => (isKept(settings) ? AUTO : {});

export const valuesOf = (settings: readonly SettingIdea[]): LocalSettings => Object.fromEntries(settings.map(({ name, value }) => [name, value]));
const isKept = (settings: readonly SettingIdea[]) => settings.some(({ name }) => name === 'plan_cache_mode');

/** A plan of its own for each value costs planning each time: there that counts too. */
const byClock = (settings: readonly SettingIdea[], compared: Compared): Compared =>
  isKept(settings) ? { ...compared, pairs: compared.planned ?? compared.pairs } : compared;

/** What looks too slow, with more rounds before it counts. */
async function secondLook(
  session: LabSession,
  idea: StatementIdea,
  { times, rounds }: { readonly times: readonly MeasuredUnit[]; readonly rounds: Rounds },
): Promise<readonly MeasuredUnit[]> {
  const judged = statementTimes(idea, times);
  if (judged === null || !isTooSlow(judgeStatement(judged))) return times;
  const again = await timed(session, [idea], { away: [], rounds: { repeats: rounds.repeats * 2, untilMs: Number.POSITIVE_INFINITY } });
  return times.map((each, place) => ({ ...each, pairs: [...each.pairs, ...(again.get(idea)?.[place]?.pairs ?? [])] }));
}

/** null: none of its values could be executed either way. */
function statementTimes({ statement: { id, calls } }: StatementIdea, times: readonly MeasuredUnit[]): StatementTimes | null {
  const good = times.filter(({ fault, pairs }) => fault === null && pairs.length > 0);
  if (good.length === 0) return null;
  return { statement: id, calls, bindings: good.map(({ unit: { binding }, pairs }) => ({ source: binding.source, pairs })) };
}

/** Of one setting alone there is nothing to ask. */
async function placesOf(session: LabSession, idea: StatementIdea, rounds: Rounds): Promise<readonly Interval[]> {
  if (idea.settings.length < 2) return [];
  const places: Interval[] = [];
  for (const left of idea.settings) {
    const others = valuesOf(idea.settings.filter((each) => each !== left));
    const after = left.name === 'plan_cache_mode' ? { ...others, ...AUTO } : others;
    const jobs = idea.units.map((unit): Job => ({ unit, before: [], after: [], settings: { before: valuesOf(idea.settings), after } }));
    const compared = (await compare(session, jobs, rounds)).map((each) => byClock(idea.settings, each));
    const judged = statementTimes(
      idea,
      compared.map((each, place) => ({ ...each, unit: idea.units[place] as Unit })), // one answer for each
    );
    places.push(judged === null ? { ratio: 1, low: 1, high: 1 } : judgeTotal([judged]));
  }
  return places;
}
