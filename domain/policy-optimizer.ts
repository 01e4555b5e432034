/** The section `optimizer` of a cluster in `assay.yaml`: its keys, and what they become. */
import { z } from 'zod';
import { defaultLimits } from './optimizer/limits.ts';
import type { OptimizerLimits } from './optimizer/model.ts';
import type { OptimizerPolicy } from './optimizer/policy.ts';
import type { SchedulePolicy } from './policy.ts';
import { choice, count, duration, flag, shaped, size, text } from './policy-fields.ts';
import { type ScheduleFile, schedule } from './policy-schedule.ts';

const limits = z.strictObject({
  budget: size({ help: 'Room for all new indexes together', min: '0B', max: '100TB' }).prefault('1GB'),
  search: duration({ help: 'The search for sets ends then, with the best so far', min: '1s', max: '24h' }).prefault('1m'),
  statements: count({ help: 'Statements looked at, by total time', min: 1, max: 10_000 }).prefault(defaultLimits.maxStatements),
  indexes_per_table: count({ help: 'Indexes a table may have', min: 1, max: 100 }).prefault(defaultLimits.maxIndexesPerTable),
  protected_tables: z
    .array(shaped('A table that no change may touch', /^[^.]+\..+$/, 'schema.table'), { error: 'write a list of tables' })
    .meta({ description: 'Tables that no change may touch, as schema.table' })
    .prefault([]),
  repeats: count({ help: 'Executions of each statement with and without a set', min: 3, max: 100 }).prefault(defaultLimits.repeats),
  statement_timeout: duration({ help: 'A statement that takes longer on the lab gets no verdict', min: '1s', max: '1h' }).prefault('10s'),
  measure: duration({ help: 'Measuring one set ends then, with the rounds made so far', min: '1s', max: '24h' }).prefault('10m'),
});

export const optimizer = z.strictObject({
  schedule: schedule().nullable().meta({ description: 'When a run starts; null: only by hand' }).prefault(null),
  databases: z
    .array(text('Name of a database'), { error: 'write a list of names, or null' })
    .min(1, { error: 'name at least one database, or write null' })
    .nullable()
    .meta({ description: "Databases that the schedule looks at, one after another; null: the connection's own" })
    .prefault(null),
  limits: limits.meta({ description: 'What a run may do; options of the command come before them' }).prefault({}),
  apply: choice('What an approval leads to: the SQL for your own pipeline, or Assay runs it', ['sql', 'execute']).prefault('sql'),
  evidence_age: duration({ help: 'Evidence older than this is measured again before anything is applied', min: '1m', max: '365d' }).prefault('7d'),
  decide_within: duration({ help: 'A recommendation that nobody decided on expires then', min: '1m', max: '365d' }).prefault('30d'),
  guard: z
    .strictObject({
      window: duration({ help: 'Length of a window in which production is watched after a change', min: '10s', max: '30d' }).prefault('1h'),
      windows: count({ help: 'Windows that have to pass before a change is kept', min: 1, max: 100 }).prefault(2),
      min_calls: count({ help: 'Calls of a statement in a window below which it says nothing', min: 2, max: 1_000_000 }).prefault(30),
    })
    .meta({ description: 'How production is watched after a change was applied' })
    .prefault({}),
  lock_timeout: duration({ help: 'Longest wait for a lock on a table', min: '1s', max: '10m' }).prefault('2s'),
  capture: z
    .strictObject({
      values: flag('Look for values that statements were really sent with; they are kept encrypted').prefault(true),
      keep: duration({ help: 'How long captured values are kept', min: '1h', max: '365d' }).prefault('7d'),
    })
    .meta({ description: 'Values of production for the measurements' })
    .prefault({}),
});

type OptimizerFile = z.output<typeof optimizer>;

export function toOptimizer(file: OptimizerFile, toSchedule: (file: ScheduleFile | null) => SchedulePolicy | null): OptimizerPolicy {
  const { guard, capture } = file;
  return {
    schedule: toSchedule(file.schedule),
    databases: file.databases,
    limits: toLimits(file.limits),
    apply: file.apply,
    evidenceAgeMs: file.evidence_age,
    decisionMs: file.decide_within,
    guard: { windowMs: guard.window, windows: guard.windows, minCalls: guard.min_calls },
    lockTimeoutMs: file.lock_timeout,
    capture: { values: capture.values, keepMs: capture.keep },
  };
}

const toLimits = (file: OptimizerFile['limits']): OptimizerLimits => ({
  budgetBytes: file.budget,
  searchMs: file.search,
  maxStatements: file.statements,
  maxIndexesPerTable: file.indexes_per_table,
  protectedTables: file.protected_tables,
  repeats: file.repeats,
  statementTimeoutMs: file.statement_timeout,
  measureMs: file.measure,
});
