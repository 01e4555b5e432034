/**
 * Several sets measured at once, all of their indexes built side by side: a statement without indexes runs once a round for all of them, and sets under
 * which its plan is the same share its executions. Every set meets the same caches and the same minute.
 */
import { AssayError } from '../../../domain/errors.ts';
import { isClear, isTooSlow, judgeStatement } from '../../../domain/optimizer/verdict.ts';
import { type Away, type Execution, execute, planText, type Unit } from './execute.ts';
import { readsNothing, type SetTimes, summed, type UnitTimes, unexecuted } from './experiment.ts';
import { alone, faultOf, type LabSession, LEAST_ROUNDS, paired, type Rounds, timeOnce } from './measure.ts';
import type { BuiltIndex } from './sets.ts';

export interface SideBySide {
  /** All that are there. */
  readonly built: readonly BuiltIndex[];
  readonly sets: readonly (readonly BuiltIndex[])[];
  readonly rounds: Rounds;
  /** All of their plans were executed a moment ago: no round is only for warming. */
  readonly isWarm: boolean;
}

/** Of each set, in their order, against none of all. What looks too slow is looked at again, with more rounds, before it counts. */
export async function measureSets(session: LabSession, units: readonly Unit[], { built, sets, rounds, isWarm }: SideBySide): Promise<readonly SetTimes[]> {
  const asides = sets.map((set) => built.filter((index) => !set.includes(index)));
  const rows: Row[] = [];
  for (const unit of units) rows.push(await rowOf(session, unit, { built, sets, asides }));
  const warming = isWarm ? 0 : 1;
  const timesOf = (place: number) => rows.map((row) => unitTimes(session, row, { place, warming }));
  await race(session, rows, { ...rounds, warming });
  const slowLanes = (row: Row) => row.lanes.filter((_, place) => looksTooSlow(unitTimes(session, row, { place, warming })));
  const again = rows.map((row) => ({ ...row, lanes: slowLanes(row) })).filter(({ lanes }) => lanes.length > 0);
  await race(session, again, { ...rounds, repeats: 2 * rounds.repeats, warming: 0, isAgain: true });
  return sets.map((_, place) => summed(timesOf(place)));
}

const looksTooSlow = ({ unit, isTouched, fault, pairs }: UnitTimes): boolean =>
  isTouched && fault === null && pairs.length > 0 && isTooSlow(judgeStatement(alone(unit, pairs)));

/** Executions by one plan of a statement. */
interface Lane {
  readonly away: Away;
  readonly executions: Execution[];
}

interface Row {
  readonly unit: Unit;
  readonly none: Lane;
  /** By set; the same lane where the plan is. */
  readonly lanes: readonly Lane[];
  /** Where no set changes its plan: timed once. */
  readonly only: Pick<UnitTimes, 'pairs' | 'wall' | 'before' | 'after' | 'fault'> | null;
}

interface Field {
  readonly built: readonly BuiltIndex[];
  readonly sets: SideBySide['sets'];
  readonly asides: readonly Away[];
}

async function rowOf(session: LabSession, unit: Unit, { built, sets, asides }: Field): Promise<Row> {
  const planOf = (away: Away) => planText(session.client, unit, away).catch(() => null);
  const bare = await planOf(built);
  const none: Lane = { away: built, executions: [] };
  const byPlan = new Map<string, Lane>(bare === null ? [] : [[bare, none]]);
  const lanes: Lane[] = [];
  for (const [place, set] of sets.entries()) {
    const away = asides[place] ?? [];
    const fresh: Lane = { away, executions: [] };
    const plan = await planOf(away);
    // whoever writes keeps the indexes up, whatever the plan; what cannot be planned fails in its turn
    const isOwn = plan === null || (plan.includes('"Node Type":"ModifyTable"') && set.some((index) => isIn(plan, index)));
    const lane = isOwn ? fresh : (byPlan.get(plan) ?? fresh);
    if (!isOwn) byPlan.set(plan, lane);
    lanes.push(lane);
  }
  if (lanes.some((lane) => lane !== none)) return { unit, none, lanes, only: null };
  return { unit, none, lanes, only: (await readsNothing(session, unit)) ? unexecuted : await timeOnce(session, unit) };
}

const isIn = (plan: string, { relations }: BuiltIndex): boolean => relations.some((name) => plan.includes(`"Relation Name":${JSON.stringify(name)}`));

interface Race extends Rounds {
  /** Rounds before those that count. */
  readonly warming: number;
  /** All of its rounds are for what is near a limit. Default false. */
  readonly isAgain?: boolean;
}

/** Statement by statement, its plans right after each other, in an order that turns with every round. */
async function race(session: LabSession, rows: readonly Row[], { repeats, untilMs, warming, isAgain = false }: Race): Promise<void> {
  const { client, io, statementTimeoutMs: timeoutMs } = session;
  for (let round = 1 - warming; round <= repeats; round += 1) {
    if (round > LEAST_ROUNDS && Date.now() > untilMs) return;
    for (const [place, row] of rows.entries()) {
      if (row.only !== null || (!isAgain && round > LEAST_ROUNDS && isRowClear(row, timeoutMs, warming))) continue;
      for (const lane of turned([...new Set([row.none, ...row.lanes])], round)) {
        if (io.signal.aborted) throw new AssayError('cancelled', { what: 'measuring on the lab' });
        io.beat({ phase: 'measure', round, rounds: repeats, done: place, total: rows.length });
        const last = lane.executions.at(-1);
        // what ran into its limit once is not run again: it took at least that long; what fails does so every time
        lane.executions.push(last === undefined || last.kind === 'done' ? await execute(client, row.unit, { away: lane.away, timeoutMs }) : last);
      }
    }
  }
}

/** Every set is far from where it would be judged otherwise. */
function isRowClear({ unit, none, lanes }: Row, timeoutMs: number, warming: number): boolean {
  return lanes.every((lane) => {
    const last = [none.executions.at(-1), lane.executions.at(-1)] as const;
    if (last[0] !== undefined && last[1] !== undefined && faultOf(last[0], last[1]) !== null) return true;
    const { pairs } = paired(none.executions, lane.executions, { limitMs: timeoutMs, warming });
    return lane === none || pairs.length === 0 || isClear(alone(unit, pairs));
  });
}

function unitTimes({ statementTimeoutMs }: LabSession, { unit, none, lanes, only }: Row, { place, warming }: { place: number; warming: number }): UnitTimes {
  const lane = lanes[place] ?? none;
  if (only !== null) return { unit, isTouched: false, ...only };
  return { unit, isTouched: lane !== none, ...paired(none.executions, lane.executions, { limitMs: statementTimeoutMs, warming }) };
}

const turned = <T>(list: readonly T[], by: number): readonly T[] => {
  const at = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
};
