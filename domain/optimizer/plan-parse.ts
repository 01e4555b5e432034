/**
 * EXPLAIN (FORMAT JSON) of PostgreSQL 14 to 18, parsed where it enters. Only what every version gives is demanded;
 * what one version alone gives, and what no version knows yet, is kept in `fields`.
 */
import { z } from 'zod';
import { AssayError } from '../errors.ts';
import type { Explained, PlanBlocks, PlanExpression, PlanJit, PlanNode, PlanTrigger } from './plan.ts';

const count = z.number().optional();

const rawNode = z.looseObject({
  'Node Type': z.string(),
  'Startup Cost': z.number(),
  'Total Cost': z.number(),
  'Plan Rows': z.number(),
  'Plan Width': z.number(),
  'Relation Name': z.string().optional(),
  Schema: z.string().optional(),
  Alias: z.string().optional(),
  'Index Name': z.string().optional(),
  'CTE Name': z.string().optional(),
  'Subplan Name': z.string().optional(),
  'Parent Relationship': z.string().optional(),
  Strategy: z.string().optional(),
  'Join Type': z.string().optional(),
  'Inner Unique': z.boolean().optional(),
  'Parallel Aware': z.boolean().optional(),
  'Actual Startup Time': z.number().optional(),
  'Actual Total Time': z.number().optional(),
  'Actual Rows': z.number().optional(),
  'Actual Loops': z.number().optional(),
  'Rows Removed by Filter': count,
  'Rows Removed by Join Filter': count,
  'Rows Removed by Index Recheck': count,
  'WAL Bytes': z.number().optional(),
  get Plans() {
    return z.array(rawNode).optional();
  },
});

type RawNode = z.infer<typeof rawNode>;

const rawStatement = z.looseObject({
  Plan: rawNode,
  'Planning Time': z.number().optional(),
  'Execution Time': z.number().optional(),
  Settings: z.record(z.string(), z.string()).optional(),
  Triggers: z
    .array(
      z.looseObject({
        'Trigger Name': z.string().optional(),
        'Constraint Name': z.string().optional(),
        Relation: z.string().optional(),
        Time: z.number().optional(),
        Calls: count,
      }),
    )
    .optional(),
  JIT: z.looseObject({ Functions: count, Timing: z.looseObject({ Total: z.number().optional() }).optional() }).optional(),
});

/** At least one; a rule may make several of one statement. A statement without a plan (`"Utility Statement"`) is not one of EXPLAIN's. */
const rawExplain = z.array(rawStatement).min(1);

/**
 * What the JSON of one EXPLAIN says: usually one planned statement, several where a rule made them. Takes the parsed JSON or its text.
 * Throws usage where it is none, without quoting it: conditions carry values.
 */
export function parseExplain(json: unknown): readonly Explained[] {
  const read = safely(typeof json === 'string' ? jsonOf(json) : json);
  if (read.success) return read.data.map(statementOf);
  const [first] = read.error.issues;
  throw notAPlan(`${first?.path.join('.') || 'the whole'} is not as PostgreSQL writes it`);
}

function safely(json: unknown) {
  try {
    return rawExplain.safeParse(json);
  } catch (error) {
    // PostgreSQL itself gives up long before a plan is as deep as that
    if (error instanceof RangeError) throw notAPlan('it is nested too deeply');
    throw error;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notAPlan('it is not JSON');
  }
}

const notAPlan = (reason: string) =>
  new AssayError('usage', { reason: `not the output of EXPLAIN (FORMAT JSON): ${reason}`, hint: 'run EXPLAIN with FORMAT JSON and give its whole output' });

function statementOf({ Plan, ...fields }: z.infer<typeof rawStatement>): Explained {
  let next = 0;
  const root = nodeOf(Plan, () => next++);
  return {
    root,
    planningMs: fields['Planning Time'] ?? null,
    executionMs: fields['Execution Time'] ?? null,
    jit: jitOf(fields.JIT),
    triggers: (fields.Triggers ?? []).map(
      (each): PlanTrigger => ({
        name: each['Constraint Name'] ?? each['Trigger Name'] ?? '',
        isConstraint: each['Constraint Name'] !== undefined,
        relation: each.Relation ?? null,
        ms: each.Time ?? null,
        calls: each.Calls ?? 0,
      }),
    ),
    settings: fields.Settings ?? {},
    fields,
  };
}

const jitOf = (jit: z.infer<typeof rawStatement>['JIT']): PlanJit | null =>
  jit === undefined ? null : { functions: jit.Functions ?? 0, totalMs: jit.Timing?.Total ?? null };

function nodeOf({ Plans, ...fields }: RawNode, nextId: () => number): PlanNode {
  const relation = fields['Relation Name'];
  const loops = fields['Actual Loops'];
  return {
    id: nextId(),
    type: fields['Node Type'],
    relation: relation === undefined ? null : { schema: fields.Schema ?? '', relation },
    alias: fields.Alias ?? null,
    index: fields['Index Name'] ?? null,
    relationship: fields['Parent Relationship'] ?? null,
    subplan: fields['Subplan Name'] ?? null,
    cte: fields['CTE Name'] ?? null,
    strategy: fields.Strategy ?? null,
    joinType: fields['Join Type'] ?? null,
    isInnerUnique: fields['Inner Unique'] ?? false,
    isParallelAware: fields['Parallel Aware'] ?? false,
    estimate: { startupCost: fields['Startup Cost'], totalCost: fields['Total Cost'], rows: fields['Plan Rows'], widthBytes: fields['Plan Width'] },
    actual:
      loops === undefined
        ? null
        : { startupMs: fields['Actual Startup Time'] ?? null, totalMs: fields['Actual Total Time'] ?? null, rows: fields['Actual Rows'] ?? 0, loops },
    discarded: {
      byFilter: fields['Rows Removed by Filter'] ?? 0,
      byJoinFilter: fields['Rows Removed by Join Filter'] ?? 0,
      byRecheck: fields['Rows Removed by Index Recheck'] ?? 0,
    },
    blocks: blocksOf(fields),
    walBytes: fields['WAL Bytes'] ?? null,
    expressions: expressionsOf(fields),
    fields,
    children: (Plans ?? []).map((child) => nodeOf(child, nextId)),
  };
}

function blocksOf(fields: Readonly<Record<string, unknown>>): PlanBlocks | null {
  if (typeof fields['Shared Hit Blocks'] !== 'number') return null;
  const of = (name: string) => {
    const value = fields[`${name} Blocks`];
    return typeof value === 'number' ? value : 0;
  };
  return {
    sharedHit: of('Shared Hit'),
    sharedRead: of('Shared Read'),
    sharedDirtied: of('Shared Dirtied'),
    sharedWritten: of('Shared Written'),
    localHit: of('Local Hit'),
    localRead: of('Local Read'),
    tempRead: of('Temp Read'),
    tempWritten: of('Temp Written'),
  };
}

/** In the order people want to read them. `Output` is left out: it says what the statement says already. */
const EXPRESSIONS = [
  'Index Cond',
  'Recheck Cond',
  'TID Cond',
  'Hash Cond',
  'Merge Cond',
  'Join Filter',
  'Filter',
  'One-Time Filter',
  'Order By',
  'Sort Key',
  'Presorted Key',
  'Group Key',
  'Cache Key',
  'Window',
  'Run Condition',
];

function expressionsOf(fields: Readonly<Record<string, unknown>>): readonly PlanExpression[] {
  return EXPRESSIONS.flatMap((name) => {
    const value = fields[name];
    if (typeof value === 'string') return [{ name, text: value }];
    return Array.isArray(value) && value.length > 0 ? [{ name, text: value.join(', ') }] : [];
  });
}
