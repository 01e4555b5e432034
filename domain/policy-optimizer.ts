/** The section `optimizer` of a cluster in `assay.yaml`: its keys, and what they become. */
import { z } from 'zod';
import { defaultLimits } from './optimizer/limits.ts';
import type { OptimizerLimits } from './optimizer/model.ts';
import type { OptimizerPolicy } from './optimizer/policy.ts';
import { changeKinds } from './optimizer/recommendation.ts';
import type { SchedulePolicy, SecretReference } from './policy.ts';
import { choice, count, duration, flag, secret, shaped, size, text } from './policy-fields.ts';
import { type ScheduleFile, schedule } from './policy-schedule.ts';

const limits = z.strictObject({
  budget: size({ help: 'Room for all new indexes together', min: '0B', max: '100TB' }).prefault('1GB'),
  search: duration({ help: 'The search for sets ends then, with the best so far', min: '1s', max: '24h' }).prefault('1m'),
  statements: count({ help: 'Statements looked at: those that take most of the time, blocks, temporary blocks or WAL', min: 1, max: 10_000 }).prefault(
    defaultLimits.maxStatements,
  ),
  indexes_per_table: count({ help: 'Indexes that one recommendation may add to a table, beside those it has', min: 1, max: 100 }).prefault(
    defaultLimits.maxIndexesPerTable,
  ),
  protected_tables: z
    .array(shaped('A table that no change may touch', /^[^.]+\..+$/, 'schema.table'), { error: 'write a list of tables' })
    .meta({ description: 'Tables that no change may touch, as schema.table' })
    .prefault([]),
  repeats: count({ help: 'Executions of each statement with and without a set', min: 3, max: 100 }).prefault(defaultLimits.repeats),
  statement_timeout: duration({ help: 'A statement that takes longer on the lab gets no verdict', min: '1s', max: '1h' }).prefault('10s'),
  work_mem: size({ help: 'Largest work_mem that is recommended for a statement', min: '64kB', max: '1TB' }).prefault('256MB'),
  measure: duration({ help: 'Measuring one set ends then, with the rounds made so far', min: '1s', max: '24h' }).prefault('10m'),
});

export const optimizer = z.strictObject({
  schedule: schedule().nullable().meta({ description: 'When a run starts; null: only by hand' }).prefault(null),
  database: text('Database that the schedule looks at')
    .nullable()
    .meta({ description: "Database of scheduled runs, and of runs by hand that name none; null: the connection's own" })
    .prefault(null),
  limits: limits.meta({ description: 'What a run may do; options of the command come before them, tables protected here stay so' }).prefault({}),
  apply: choice('What an approval leads to: the SQL for your own pipeline, or Assay executes it', ['sql', 'execute']).prefault('sql'),
  unattended: z
    .array(choice('A kind of change', changeKinds), { error: 'write a list of kinds' })
    .meta({ description: "Kinds of change that are executed without anybody's approval; only with apply: execute" })
    .prefault([]),
  evidence_age: duration({ help: 'Evidence older than this is measured again before anything is applied', min: '1m', max: '365d' }).prefault('7d'),
  decide_within: duration({ help: 'A recommendation that nobody decided on expires then', min: '1m', max: '365d' }).prefault('30d'),
  guard: z
    .strictObject({
      window: duration({ help: 'Length of a window in which production is watched after a change', min: '10s', max: '30d' }).prefault('1h'),
      windows: count({ help: 'Windows that have to pass before a change is kept', min: 1, max: 100 }).prefault(2),
      min_calls: count({ help: 'Calls of a statement in a window below which it says nothing', min: 2, max: 1_000_000 }).prefault(30),
    })
    .meta({ description: 'How production is watched after a change was executed' })
    .prefault({}),
  lock_timeout: duration({ help: 'Longest wait for a lock that others queue behind', min: '1s', max: '10m' }).prefault('2s'),
  capture: z
    .strictObject({
      values: flag('Take the values that statements are really sent with from the log and the sessions of the server').prefault(false),
      keep: duration({ help: 'They are deleted then', min: '1h', max: '90d' }).prefault('7d'),
      key: secret('Keys that encrypt them in the control database, 32 bytes as base64 each').prefault('env:ASSAY_CAPTURE_KEY'),
    })
    .meta({ description: 'Values that statements are really sent with; without them values are made up from statistics' })
    .prefault({}),
});

type OptimizerFile = z.output<typeof optimizer>;

/** How what is written elsewhere in the policy becomes what is in force. */
interface Converters {
  readonly toSchedule: (file: ScheduleFile | null) => SchedulePolicy | null;
  readonly toReference: (reference: SecretReference) => SecretReference;
}

export const toOptimizer = (file: OptimizerFile, { toSchedule, toReference }: Converters): OptimizerPolicy => ({
  schedule: toSchedule(file.schedule),
  database: file.database,
  limits: toLimits(file.limits),
  apply: file.apply,
  unattended: file.unattended,
  evidenceAgeMs: file.evidence_age,
  decisionMs: file.decide_within,
  guard: { windowMs: file.guard.window, windows: file.guard.windows, minCalls: file.guard.min_calls },
  lockTimeoutMs: file.lock_timeout,
  capture: { values: file.capture.values, keepMs: file.capture.keep, key: toReference(file.capture.key) },
});

const toLimits = (file: OptimizerFile['limits']): OptimizerLimits => ({
  budgetBytes: file.budget,
  searchMs: file.search,
  maxStatements: file.statements,
  maxIndexesPerTable: file.indexes_per_table,
  protectedTables: file.protected_tables,
  repeats: file.repeats,
  statementTimeoutMs: file.statement_timeout,
  measureMs: file.measure,
  workMemBytes: file.work_mem,
});
