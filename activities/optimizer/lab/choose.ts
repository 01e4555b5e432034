/** Finalists as one pool of really built indexes: which of them to keep is decided by executing the statements without the others. */
import { chooseByExecution } from '../../../domain/optimizer/executed-choice.ts';
import type { TimesOracle } from '../../../domain/optimizer/executed-times.ts';
import { indexText, quoteRelation } from '../../../domain/optimizer/index-sql.ts';
import type { IndexDefinition } from '../../../domain/optimizer/model.ts';
import { covers } from '../../../domain/optimizer/redundancy.ts';
import { bit, type Mask } from '../../../domain/optimizer/search-costs.ts';
import { planText, type Unit } from './execute.ts';
import type { LabSession } from './measure.ts';
import type { BuiltIndex } from './sets.ts';
import { type TimedIndexes, type UnitPlan, type UnitTimer, unitTimer } from './unit-timer.ts';

/** `built`: all that are there. */
export interface Pool extends TimedIndexes {
  readonly units: readonly Unit[];
  /** Sets of these to begin with. */
  readonly finalists: readonly (readonly IndexDefinition[])[];
  readonly budgetBytes: number;
  readonly maxIndexesPerTable: number;
  /** The best so far is taken then. */
  readonly untilMs: number;
}

export interface ChosenSet {
  readonly indexes: readonly BuiltIndex[];
  /** Weighted milliseconds with it / without any index, as measured on the way. */
  readonly ratio: number;
  readonly executions: number;
}

/** Of the time, for looking; the rest is for looking again at what was found. */
const LOOKING = 0.8;
/** What one execution does not settle is executed so often again, in turn with none. */
const MORE_PAIRS = 2;

/** null: the time was over before one set was looked at. The indexes stay built. Throws where the lab is gone. */
export async function chooseBuilt(session: LabSession, pool: Pool): Promise<ChosenSet | null> {
  const { built, finalists, maxIndexesPerTable, untilMs } = pool;
  const lookUntilMs = untilMs - (1 - LOOKING) * Math.max(0, untilMs - Date.now());
  const isOver = (at: number) => session.io.signal.aborted || Date.now() >= at;
  const place = new Map(built.map(({ index }, item) => [indexText(index), bit(item)]));
  const maskOf = (set: readonly IndexDefinition[]): Mask => set.reduce((mask, index) => mask | (place.get(indexText(index)) ?? 0n), 0n);
  const chosenOf = (set: Mask) => built.filter((_, item) => (set & bit(item)) !== 0n);
  const statements = await executable(session, pool.units);
  const touches = await touched(session, statements, built);
  const timer = unitTimer(session, pool);
  for (const unit of statements.flat()) if (!isOver(lookUntilMs)) await timer.first(unit, maskOf(built.map(({ index }) => index)));
  const chosen = await chooseByExecution({
    ...timed(timer, statements),
    bytes: built.map(({ sizeBytes }) => sizeBytes),
    touches: (statement, item) => touches[statement]?.has(item) ?? false,
    budgetBytes: pool.budgetBytes,
    redundant: (set) => redundantIn(set, built),
    isRoomy: (set) => most(chosenOf(set)) <= maxIndexesPerTable,
    starts: finalists.map(maskOf),
    isOver: () => isOver(lookUntilMs),
    isLate: () => isOver(untilMs),
  });
  if (chosen === null) return null;
  return { indexes: chosenOf(chosen.set), ratio: chosen.baseMs === 0 ? 1 : chosen.ms / chosen.baseMs, executions: timer.executions() };
}

/** Statements of several units: a mean over their values, weighted by calls. */
function timed(timer: UnitTimer, statements: readonly (readonly Unit[])[]): Pick<TimesOracle, 'statements' | 'plan' | 'execute' | 'compare'> {
  const unitsOf = (statement: number) => statements[statement] ?? [];
  const timeOf = async (statement: number, set: Mask) => {
    const units = unitsOf(statement);
    let ms = 0;
    for (const unit of units) ms += await timer.time(unit, set);
    return ((units[0]?.bound.statement.calls ?? 1) * ms) / Math.max(1, units.length);
  };
  return {
    statements: statements.length,
    plan: async (statement, set) => {
      const plans: UnitPlan[] = [];
      for (const unit of unitsOf(statement)) plans.push(await timer.plan(unit, set));
      const used = plans.reduce((mask, plan) => mask | plan.used, 0n);
      return { plan: plans.map(({ key }) => key).join(), used, cost: plans.reduce((sum, { cost }) => sum + cost, 0) };
    },
    execute: timeOf,
    compare: async (statement, set) => {
      for (let pair = 0; pair < MORE_PAIRS; pair += 1) for (const unit of unitsOf(statement)) await timer.again(unit, [0n, set]);
      return { ms: await timeOf(statement, set), baseMs: await timeOf(statement, 0n) };
    },
  };
}

/** Items that cover each other, and those that are covered. */
function redundantIn(set: Mask, built: readonly BuiltIndex[]): Mask {
  const items = [...built.keys()].filter((item) => (set & bit(item)) !== 0n);
  const isCovered = (wide: number, narrow: number) => wide !== narrow && covers((built[wide] as BuiltIndex).index, (built[narrow] as BuiltIndex).index);
  return items.flatMap((wide) => items.flatMap((narrow) => (isCovered(wide, narrow) ? [wide, narrow] : []))).reduce((mask, item) => mask | bit(item), 0n);
}

/** Of one table. */
function most(indexes: readonly BuiltIndex[]): number {
  const perTable = new Map<string, number>();
  for (const { index } of indexes) perTable.set(quoteRelation(index.table), (perTable.get(quoteRelation(index.table)) ?? 0) + 1);
  return Math.max(0, ...perTable.values());
}

/** By statement, its units; one that cannot even be planned says nothing here, and its reason is told where it is measured. */
async function executable({ client }: LabSession, units: readonly Unit[]): Promise<readonly (readonly Unit[])[]> {
  const byStatement = new Map<string, Unit[]>();
  for (const unit of units) {
    const isPlanned = await planText(client, unit, []).then(
      () => true,
      () => false,
    );
    const { id } = unit.bound.statement;
    if (isPlanned) byStatement.set(id, [...(byStatement.get(id) ?? []), unit]);
  }
  return [...byStatement.values()];
}

/** Which indexes lie on a table that a statement's plan reads or writes. */
async function touched({ client }: LabSession, statements: readonly (readonly Unit[])[], built: readonly BuiltIndex[]): Promise<readonly Set<number>[]> {
  const found: Set<number>[] = [];
  for (const units of statements) {
    const plans: string[] = [];
    for (const unit of units) plans.push(await planText(client, unit, []));
    const isNear = ({ relations }: BuiltIndex) => plans.some((plan) => relations.some((name) => plan.includes(`"Relation Name":${JSON.stringify(name)}`)));
    found.push(new Set(built.flatMap((index, item) => (isNear(index) ? [item] : []))));
  }
  return found;
}
