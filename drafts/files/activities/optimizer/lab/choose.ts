/** Finalists as one pool of really built indexes: which of them to keep is decided by executing the statements without the others. */
import { chooseByExecution, type Executed } from '../../../domain/optimizer/executed-choice.ts';
import { indexText } from '../../../domain/optimizer/index-sql.ts';
import type { IndexDefinition } from '../../../domain/optimizer/model.ts';
import { bit, type Mask } from '../../../domain/optimizer/search-costs.ts';
import { type Execution, execute, planText, type Unit } from './execute.ts';
import type { LabSession } from './measure.ts';
import type { BuiltIndex } from './sets.ts';

export interface Pool {
  readonly units: readonly Unit[];
  /** All that are there. */
  readonly built: readonly BuiltIndex[];
  /** Sets of these to begin with. */
  readonly finalists: readonly (readonly IndexDefinition[])[];
  readonly budgetBytes: number;
  /** The best so far is taken then. */
  readonly untilMs: number;
  /** Known times by plan; a caller that chooses more than once from one pool gives the same. */
  readonly known?: KnownTimes;
}

export type KnownTimes = Map<string, Promise<number>>;

export interface ChosenSet {
  readonly indexes: readonly BuiltIndex[];
  /** Weighted milliseconds, as they were measured on the way: those of the chosen set are flattered, being the least of many. */
  readonly ms: number;
  readonly executions: number;
}

/** null: the time was over before one set was looked at. The indexes stay built. Throws where the lab is gone. */
export async function chooseBuilt(session: LabSession, pool: Pool): Promise<ChosenSet | null> {
  const { units, built, finalists, budgetBytes, untilMs } = pool;
  const statements = [...new Set(units.map(({ bound }) => bound.statement.id))].map((id) => units.filter(({ bound }) => bound.statement.id === id));
  const place = new Map(built.map(({ index }, item) => [indexText(index), item]));
  const timer = unitTimer(session, built, pool.known ?? new Map());
  const touches = await touched(session, statements, built);
  const chosen = await chooseByExecution({
    statements: statements.length,
    bytes: built.map(({ sizeBytes }) => sizeBytes),
    touches: (statement, item) => touches[statement]?.has(item) ?? false,
    execute: async (statement, set) => {
      const parts: Executed[] = [];
      for (const unit of statements[statement] ?? []) parts.push(await timer.time(unit, set));
      const calls = statements[statement]?.[0]?.bound.statement.calls ?? 1;
      const ms = (calls * parts.reduce((sum, part) => sum + part.ms, 0)) / Math.max(1, parts.length);
      return { ms, used: parts.reduce((mask, { used }) => mask | used, 0n) };
    },
    budgetBytes,
    starts: finalists.map((set) => set.reduce((mask, index) => mask | bit(place.get(indexText(index)) ?? 0), 0n)),
    isOver: () => session.io.signal.aborted || Date.now() >= untilMs,
  });
  if (chosen === null) return null;
  return { indexes: built.filter((_, item) => (chosen.set & bit(item)) !== 0n), ms: chosen.ms, executions: timer.executions() };
}

/** Which indexes lie on a table that a statement's plan reads or writes. */
async function touched(session: LabSession, statements: readonly (readonly Unit[])[], built: readonly BuiltIndex[]): Promise<readonly Set<number>[]> {
  const found: Set<number>[] = [];
  for (const units of statements) {
    const plans: string[] = [];
    for (const unit of units) plans.push(await planText(session.client, unit, []).catch(() => ''));
    const isNear = ({ relations }: BuiltIndex) => plans.some((plan) => relations.some((name) => plan.includes(`"Relation Name":${JSON.stringify(name)}`)));
    found.push(new Set(built.flatMap((index, item) => (isNear(index) ? [item] : []))));
  }
  return found;
}

/** Executed twice, the quicker counts: what else happens on the machine only ever adds. */
function unitTimer({ client, io, statementTimeoutMs }: LabSession, built: readonly BuiltIndex[], known: KnownTimes) {
  const base = new Map<Unit, number>();
  let executions = 0;
  const away = (set: Mask) => built.filter((_, item) => (set & bit(item)) === 0n);
  const once = async (unit: Unit, set: Mask, timeoutMs: number): Promise<number> => {
    executions += 1;
    io.beat({ phase: 'choose', executions });
    const done: Execution = await execute(client, unit, { away: away(set), timeoutMs });
    return done.kind === 'done' ? done.executionMs : timeoutMs;
  };
  const twice = async (unit: Unit, set: Mask): Promise<number> => {
    // nothing that is much slower than without any index is worth waiting for
    const timeoutMs = Math.min(statementTimeoutMs, (base.get(unit) ?? statementTimeoutMs) * 1.3 + 100);
    const first = await once(unit, set, timeoutMs);
    if (set === 0n) base.set(unit, first);
    return first >= timeoutMs ? first : Math.min(first, await once(unit, set, timeoutMs));
  };
  return {
    executions: () => executions,
    async time(unit: Unit, set: Mask): Promise<Executed> {
      if (!base.has(unit) && set !== 0n) await this.time(unit, 0n);
      const plan = await planText(client, unit, away(set)).catch(() => '');
      const isWrite = plan.includes('"Node Type":"ModifyTable"');
      const used = built.reduce((mask, { name }, item) => (isWrite || plan.includes(`"Index Name":${JSON.stringify(name)}`) ? mask | bit(item) : mask), 0n);
      // a statement that writes pays for what its plan does not name
      const key = `${unit.call} ${isWrite ? set : ''} ${plan}`;
      const running = known.get(key) ?? twice(unit, set);
      known.set(key, running);
      const ms = await running;
      if (set === 0n && !base.has(unit)) base.set(unit, ms);
      return { ms, used: used & set };
    },
  };
}
