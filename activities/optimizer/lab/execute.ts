/** One execution on the lab: always in a transaction that is rolled back, with some indexes taken away for its length where asked. */
import { readFileSync } from 'node:fs';
import type pg from 'pg';
import type { Binding, Bound } from '../../../domain/optimizer/model.ts';
import type { ChangedPlan } from '../../../domain/optimizer/plan-change.ts';
import type { PlanNode } from '../../../domain/optimizer/plan-runs.ts';
import { ident, literal } from '../../pg.ts';
import { faultOf, reasonByCode } from '../../pg-errors.ts';
import { asRole } from '../run-as.ts';
import { dropSql, type OnLabObject } from './sets.ts';

/** Indexes, or statistics, that are away for one execution. */
export type Away = readonly OnLabObject[];

/** Settings for the length of one execution, by name; a value holds no quote. */
export type LocalSettings = Readonly<Record<string, string>>;

/** A prepared statement of the session with one set of values. */
export interface Unit {
  readonly bound: Bound;
  readonly binding: Binding;
  /** What EXECUTE takes: name and values. */
  readonly call: string;
}

export interface Executed {
  readonly kind: 'done';
  /** As the server says, without planning. */
  readonly executionMs: number;
  readonly planningMs: number;
  /** By our own clock: planning and the way there and back included. */
  readonly wallMs: number;
  /** Shared buffers hit and read. */
  readonly blocks: number;
  readonly walBytes: number;
  /** Temporary buffers read and written: what did not fit into memory. */
  readonly tempBlocks: number;
  /** Part of it in which it was ready to run and others had the cores; 0 where this host does not tell. */
  readonly waitedMs: number;
  /** With workers of its own: they may be what it waited for. */
  readonly isParallel: boolean;
}

export type Execution =
  | Executed
  | { readonly kind: 'too-slow' /** As of one that was done. */; readonly waitedMs: number }
  | { readonly kind: 'failed'; readonly reason: string };

/** `number` makes the name; the session must not have one of it. Throws what PostgreSQL throws. */
export async function prepareUnits(client: pg.Client, bound: Bound, number: number): Promise<readonly Unit[]> {
  const name = `assay_${number}`;
  const types = bound.parameterTypes.length === 0 ? '' : ` (${bound.parameterTypes.join(', ')})`;
  await client.query(`prepare ${ident(name)}${types} as ${bound.text}`);
  return bound.bindings.map((binding) => ({ bound, binding, call: callOf(name, binding) }));
}

/** Of two units with the same key the same was asked, by the same role with the same settings. */
export const unitKey = ({ call, binding: { as } }: Unit): string => (as === undefined ? call : `${call} ${JSON.stringify(as)}`);

function callOf(name: string, { values }: Binding): string {
  const given = values.map((value) => (value === null ? 'null' : literal(value)));
  return given.length === 0 ? `execute ${ident(name)}` : `execute ${ident(name)}(${given.join(', ')})`;
}

/** The plan as PostgreSQL would run it then; equal texts are equal plans. Nothing is executed. */
export async function planText(client: pg.Client, unit: Unit, away: Away, settings: LocalSettings = {}): Promise<string> {
  const [plan] = await inside(client, { unit, away, timeoutMs: 10_000, settings }, () => explain(client, '(verbose, costs off, format json)', unit));
  return JSON.stringify(plan);
}

/** The same with the planner's cost of it, in one go: it is asked for by the thousand. Nothing is executed. */
export async function foreseenPlan(client: pg.Client, unit: Unit, away: Away): Promise<{ readonly text: string; readonly cost: number }> {
  const dropped = away.length === 0 ? '' : `${dropSql(away)}; `;
  const asked = `begin; ${dropped}set local statement_timeout = 10000${asRole(unit.binding)}; explain (verbose, format json) ${unit.call}; rollback`;
  try {
    const answers = (await client.query(asked)) as unknown as readonly pg.QueryResult[]; // several commands, several answers
    const row = answers.at(-2)?.rows[0] as { 'QUERY PLAN': readonly ExplainTop[] } | undefined;
    const plan = row?.['QUERY PLAN'] ?? [];
    const isEstimate = (key: string) => key === 'Startup Cost' || key === 'Total Cost' || key === 'Plan Rows' || key === 'Plan Width';
    return { text: JSON.stringify(plan, (key, value) => (isEstimate(key) ? undefined : value)), cost: Number(plan[0]?.Plan?.['Total Cost'] ?? 0) };
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

export type CostedPlan = ChangedPlan & PlanNode;

/** With its costs. Nothing is executed. */
export async function costedPlan(client: pg.Client, unit: Unit, away: Away): Promise<CostedPlan> {
  const [top] = await inside(client, { unit, away, timeoutMs: 10_000 }, () => explain(client, '(format json)', unit));
  if (top?.Plan === undefined) throw new TypeError('EXPLAIN gives a plan');
  return top.Plan as unknown as CostedPlan; // EXPLAIN's own fields
}

/** The whole answer of EXPLAIN, with a clock at each node where it is executed; conditions hold values. Throws what PostgreSQL throws. */
export const explained = (client: pg.Client, unit: Unit, { isExecuted, ...conditions }: Conditions & { isExecuted: boolean }) =>
  inside(client, { unit, ...conditions }, () => explain(client, isExecuted ? '(analyze, buffers, format json)' : '(format json)', unit));

/**
 * Milliseconds. Indexes that go and come back empty the session's picture of their table, and the next statement reads the catalogs anew: an INSERT
 * with one index took 0.044 ms then and 0.011 right after (0.022 and 0.008 without it). An application's session has that picture.
 */
const SHORT_MS = 5;

/**
 * What is short is executed twice in the transaction, and the second counts. Never throws for what the statement does, and its reason holds no
 * value: PostgreSQL's messages may quote one.
 */
export async function execute(client: pg.Client, unit: Unit, conditions: Conditions): Promise<Execution> {
  const { timeoutMs } = conditions;
  let before = scheduled(client);
  const once = async (): Promise<Executed> => {
    const began = performance.now();
    before = scheduled(client);
    const [top] = await explain(client, '(analyze, timing off, buffers, wal, format json)', unit);
    const done = executed(top ?? {}, performance.now() - began);
    return { ...done, waitedMs: waitedOf(done.executionMs, before, scheduled(client)) };
  };
  try {
    return await inside(client, { unit, ...conditions }, async () => {
      const first = await once();
      if (first.executionMs >= SHORT_MS) return first;
      await client.query('rollback to savepoint assay_execution');
      try {
        return await once();
      } catch (error) {
        if (faultOf(error) === 'unreachable') throw error;
        // what no rollback takes back, a sequence, made the second another one
        return first;
      }
    });
  } catch (error) {
    const fault = faultOf(error);
    if (fault === 'unreachable') throw error;
    return fault === 'cancelled'
      ? { kind: 'too-slow', waitedMs: waitedOf(timeoutMs, before, scheduled(client)) }
      : { kind: 'failed', reason: reasonByCode(error) };
  }
}

interface Conditions {
  readonly away: Away;
  readonly timeoutMs: number;
  readonly settings?: LocalSettings;
}

interface Inside extends Conditions {
  readonly unit: Unit;
}

async function inside<T>(client: pg.Client, { unit, away, timeoutMs, settings = {} }: Inside, work: () => Promise<T>): Promise<T> {
  // the limit is the statement's own, not that of taking the indexes away; taking them away is the superuser's
  const limit = `set local statement_timeout = ${Math.round(timeoutMs)}`;
  // after the role's own, which it would have
  const set = Object.entries(settings).map(([name, value]) => `; set local ${ident(name)} = ${literal(value)}`);
  const anew = isPlannedAnew(settings) ? 'discard plans; ' : '';
  try {
    await client.query(
      `begin; ${anew}${away.length === 0 ? '' : `${dropSql(away)};`} ${limit}${asRole(unit.binding)}${set.join('')}; savepoint assay_execution`,
    );
    return await work();
  } finally {
    await client.query(`rollback; ${anew}`);
  }
}

/** A statement without parameters keeps its plan, whatever is set meanwhile; only whether plans are kept is itself the question. */
const isPlannedAnew = (settings: LocalSettings): boolean => Object.keys(settings).length > 0 && settings.plan_cache_mode === undefined;

interface ExplainTop {
  readonly 'Execution Time'?: number;
  readonly 'Planning Time'?: number;
  readonly Plan?: Readonly<Record<string, unknown>>;
}

async function explain(client: pg.Client, options: string, { call }: Unit): Promise<readonly ExplainTop[]> {
  const { rows } = await client.query<{ 'QUERY PLAN': readonly ExplainTop[] }>(`explain ${options} ${call}`);
  return rows[0]?.['QUERY PLAN'] ?? [];
}

function executed({ Plan: root = {}, ...times }: ExplainTop, wallMs: number): Omit<Executed, 'waitedMs'> {
  const count = (name: string) => (typeof root[name] === 'number' ? root[name] : 0);
  return {
    kind: 'done',
    executionMs: times['Execution Time'] ?? 0,
    planningMs: times['Planning Time'] ?? 0,
    wallMs,
    blocks: count('Shared Hit Blocks') + count('Shared Read Blocks'),
    walBytes: count('WAL Bytes'),
    tempBlocks: count('Temp Read Blocks') + count('Temp Written Blocks'),
    isParallel: JSON.stringify(root).includes('"Workers Launched"'),
  };
}

interface Scheduled {
  readonly ranMs: number;
  readonly queuedMs: number;
}

/** A lab's server runs on this host. Linux tells of each process, in nanoseconds: time on a core, time waiting for one. */
function scheduled(client: pg.Client): Scheduled {
  const { processID } = client as { readonly processID?: number };
  try {
    const [ran, queued] = readFileSync(`/proc/${processID}/schedstat`, 'utf8').split(' ');
    return { ranMs: Number(ran) / 1e6 || 0, queuedMs: Number(queued) / 1e6 || 0 };
  } catch {
    return { ranMs: 0, queuedMs: 0 };
  }
}

/** Of this elapsed time: what was waited since, but never more than leaves the time on a core; planning may have waited too. */
function waitedOf(elapsedMs: number, before: Scheduled, now: Scheduled): number {
  return Math.max(0, Math.min(now.queuedMs - before.queuedMs, elapsedMs - Math.min(elapsedMs, now.ranMs - before.ranMs)));
}
