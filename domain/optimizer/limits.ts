/** What a run of the optimizer may do, where its caller says nothing else. Pure. */
import { z } from 'zod';
import { AssayError } from '../errors.ts';
import type { OptimizerLimits } from './model.ts';

export const defaultLimits: OptimizerLimits = {
  budgetBytes: 1024 ** 3,
  searchMs: 60_000,
  maxStatements: 100,
  maxIndexesPerTable: 5,
  protectedTables: [],
  repeats: 5,
  statementTimeoutMs: 10_000,
  measureMs: 10 * 60_000,
  workMemBytes: 256 * 1024 ** 2,
};

/** Room on the lab, in budgets: a search's sets (the whole budget twice, a half, an eighth of it) and some of what a larger budget would buy, all built at once. */
export const POOL_BUDGETS = 4;

/** Values tried for each statement. */
export const MAX_BINDINGS = 3;

function whole(least: number, most: number) {
  const error = `a whole number from ${least} to ${most} is needed`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

const schema = z
  .object({
    budgetBytes: whole(0, Number.MAX_SAFE_INTEGER),
    searchMs: whole(100, 24 * 3_600_000),
    maxStatements: whole(1, 10_000),
    maxIndexesPerTable: whole(1, 100),
    protectedTables: z.array(z.string()).readonly(),
    repeats: whole(3, 100),
    statementTimeoutMs: whole(10, 3_600_000),
    measureMs: whole(1_000, 24 * 3_600_000),
    workMemBytes: whole(64 * 1024, 1024 ** 4),
  })
  .partial();

/** Throws usage. */
export function limitsOf(asked: Partial<OptimizerLimits> = {}): OptimizerLimits {
  const parsed = schema.safeParse(asked);
  if (!parsed.success) {
    const reason = parsed.error.issues.map(({ path, message }) => `limit ${path.join('.')}: ${message}`).join('; ');
    throw new AssayError('usage', { reason, hint: 'see `assay optimizer run --help`' });
  }
  const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
  return { ...defaultLimits, ...given };
}

/** What a caller asks for comes before the policy; a table the policy protects stays protected. Throws usage. */
export function limitsUnder(policy: OptimizerLimits | undefined, asked: Partial<OptimizerLimits> = {}): OptimizerLimits {
  const limits = limitsOf({ ...policy, ...asked });
  return { ...limits, protectedTables: [...new Set([...(policy?.protectedTables ?? []), ...limits.protectedTables])] };
}
