/**
 * Executions under two conditions, side by side: with indexes and without them, in rounds over all statements, the order turned in every round,
 * so that whatever else happens on the machine meets both alike. The first round only warms.
 */
import type pg from 'pg';
import { AssayError } from '../../../domain/errors.ts';
import type { NotJudgedReason } from '../../../domain/optimizer/model.ts';
import { isClear, type StatementTimes, type TimedPair } from '../../../domain/optimizer/verdict.ts';
import type { StepIo } from '../../io.ts';
import { type Away, type Executed, type Execution, execute, type LocalSettings, type Unit } from './execute.ts';

export interface LabSession {
  readonly client: pg.Client;
  readonly io: StepIo;
  readonly statementTimeoutMs: number;
}

/** The same session, whose heartbeats say what is measured: a set is settled in many measurements, each of many rounds. */
export const saying = (session: LabSession, what: string): LabSession => ({
  ...session,
  io: { ...session.io, beat: (details) => session.io.beat(typeof details === 'object' ? { what, ...details } : details) },
});

/** One thing to compare: `before` and `after` say which indexes are away. */
export interface Job {
  readonly unit: Unit;
  /** What runs afterwards in its place: another text of the same statement. Left out: itself. */
  readonly instead?: Unit;
  readonly before: Away;
  readonly after: Away;
  /** What is set on a side, beside what the session has. */
  readonly settings?: { readonly before?: LocalSettings; readonly after?: LocalSettings };
}

export interface Rounds {
  readonly repeats: number;
  /** No further round begins later than this, once there are three. */
  readonly untilMs: number;
  /** What takes long and is clear after three rounds rests. Not where one comparison will be held against another. Default false. */
  readonly isThrifty?: boolean;
}

export interface Compared {
  readonly pairs: readonly TimedPair[];
  /** The same executions by our own clock. */
  readonly wall: readonly TimedPair[];
  /** The same with what the server says of planning. */
  readonly planned?: readonly TimedPair[];
  readonly before: Cost;
  readonly after: Cost;
  /** Set: no verdict, and why. */
  readonly fault: { readonly reason: NotJudgedReason; readonly detail: string } | null;
}

/** Of the last execution. */
export interface Cost {
  readonly blocks: number;
  readonly walBytes: number;
  readonly tempBlocks: number;
}

/** Rounds that each statement gets at least; then those of which enough is known rest. */
export const LEAST_ROUNDS = 3;
const nothing: Cost = { blocks: 0, walBytes: 0, tempBlocks: 0 };

/** In the order of the jobs. Throws cancelled, and where the lab is gone. */
export async function compare(session: LabSession, jobs: readonly Job[], { repeats, untilMs, isThrifty = false }: Rounds): Promise<readonly Compared[]> {
  const runs = jobs.map((job) => runOf(session, job));
  for (let round = 0; round <= repeats; round += 1) {
    if (round > LEAST_ROUNDS && Date.now() > untilMs) break;
    for (const [place, run] of runs.entries()) {
      if (session.io.signal.aborted) throw new AssayError('cancelled', { what: 'measuring on the lab' });
      session.io.beat({ phase: 'measure', round, rounds: repeats, done: place, total: runs.length });
      if (!isThrifty || round <= LEAST_ROUNDS || !run.isClear()) await run.round(round);
    }
  }
  return runs.map((run) => run.compared());
}

/** One execution each: the weight of what no index can change. */
export async function timeOnce(session: LabSession, unit: Unit, away: Away = []): Promise<Compared> {
  const { client, statementTimeoutMs: timeoutMs } = session;
  await execute(client, unit, { away, timeoutMs });
  const done = await execute(client, unit, { away, timeoutMs });
  const fault = faultOf(done, done);
  if (done.kind !== 'done') return { pairs: [], wall: [], before: nothing, after: nothing, fault };
  const cost = costOf(done);
  const ms = done.executionMs - (done.isParallel ? 0 : done.waitedMs);
  const wall = [{ beforeMs: done.wallMs, afterMs: done.wallMs }];
  return { pairs: [{ beforeMs: ms, afterMs: ms }], wall, before: cost, after: cost, fault };
}

type Clock = 'executionMs' | 'wallMs' | 'plannedMs';

/** Whole executions, by our own clock; by the server's with planning or without. */
const byClock = (done: Executed, clock: Clock): number => (clock === 'plannedMs' ? done.executionMs + done.planningMs : done[clock]);

/** By its own values only, as called once. */
export const alone = ({ bound, binding }: Unit, pairs: readonly TimedPair[]): StatementTimes => ({
  statement: bound.statement.id,
  calls: 1,
  bindings: [{ source: binding.source, pairs }],
});

interface Run {
  round(number: number): Promise<void>;
  isClear(): boolean;
  compared(): Compared;
}

function runOf({ client, statementTimeoutMs }: LabSession, job: Job): Run {
  const befores: Execution[] = [];
  const afters: Execution[] = [];
  const side = async (which: 'before' | 'after'): Promise<Execution> => {
    const last = (which === 'before' ? befores : afters).at(-1);
    // what ran into its limit once is not run again: it took at least that long
    if (last?.kind === 'too-slow') return last;
    const unit = which === 'after' ? (job.instead ?? job.unit) : job.unit;
    return execute(client, unit, { away: job[which], timeoutMs: statementTimeoutMs, settings: job.settings?.[which] ?? {} });
  };
  const compared = () => paired(befores, afters, { limitMs: statementTimeoutMs, warming: 1 });
  return {
    async round(number) {
      const [before, after] = [befores.at(-1), afters.at(-1)];
      if (before !== undefined && after !== undefined && faultOf(before, after) !== null) return;
      const isTurned = number % 2 === 1;
      const first = await side(isTurned ? 'after' : 'before');
      const second = await side(isTurned ? 'before' : 'after');
      befores.push(isTurned ? second : first);
      afters.push(isTurned ? first : second);
    },
    isClear: () => isClear(alone(job.unit, compared().pairs)),
    compared,
  };
}

/** Executions of both sides round by round, as far as there are both; the first `warming` of them do not count. */
export function paired(befores: readonly Execution[], afters: readonly Execution[], { limitMs, warming }: { limitMs: number; warming: number }): Compared {
  const [before, after] = [befores.at(-1), afters.at(-1)];
  if (before === undefined || after === undefined) {
    return { pairs: [], wall: [], before: nothing, after: nothing, fault: { reason: 'budget', detail: 'no time was left' } };
  }
  const fault = faultOf(before, after);
  // a round that ended in a fault says nothing
  const rounds = Math.min(befores.length, afters.length) - (fault === null ? 0 : 1);
  const msOf = (execution: Execution | undefined, clock: Clock) => (execution?.kind === 'done' ? byClock(execution, clock) : limitMs);
  // what others on the machine took: on both sides or on none, and never by our own clock
  const isDeducted = [...befores, ...afters].every((each) => each.kind === 'done' && !each.isParallel);
  const waited = (execution: Execution | undefined, clock: Clock) => (execution?.kind === 'done' && clock !== 'wallMs' && isDeducted ? execution.waitedMs : 0);
  const pairsBy = (clock: Clock): readonly TimedPair[] =>
    Array.from({ length: Math.max(0, rounds - warming) }, (_, place) => {
      const [one, other] = [befores[place + warming], afters[place + warming]];
      return { beforeMs: msOf(one, clock) - waited(one, clock), afterMs: msOf(other, clock) - waited(other, clock) };
    });
  return {
    pairs: pairsBy('executionMs'),
    wall: pairsBy('wallMs'),
    planned: pairsBy('plannedMs'),
    before: costOf(before),
    after: costOf(after),
    fault,
  };
}

export function faultOf(before: Execution, after: Execution): Compared['fault'] {
  for (const each of [before, after]) if (each.kind === 'failed') return { reason: 'failed-on-lab', detail: each.reason };
  if (before.kind === 'too-slow' && after.kind === 'too-slow') return { reason: 'too-slow-on-lab', detail: 'ran into the time limit with and without' };
  return null;
}

function costOf(execution: Execution | Executed): Cost {
  if (execution.kind !== 'done') return nothing;
  const { blocks, walBytes, tempBlocks } = execution;
  return { blocks, walBytes, tempBlocks };
}
