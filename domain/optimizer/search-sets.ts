/** Sets of items: what they cost the workload, what may be added to them. */
import { covers } from './redundancy.ts';
import { bit, type Mask } from './search-costs.ts';
import type { Item, Running } from './search-model.ts';

/** Weighted cost, upkeep counted; what a search makes small. */
export interface SetView {
  readonly items: readonly Item[];
  objective(set: Mask): Promise<number>;
  /** Cost of one statement, weighted. */
  costOf(statement: number, set: Mask): Promise<number>;
  bytes(set: Mask): number;
  members(set: Mask): Item[];
  /** The set with these added and what they make redundant removed; null where that breaks the budget or a table's limit. */
  added(set: Mask, more: Mask, budgetBytes: number): Mask | null;
  /** Statements that any of these serve. */
  served(set: Mask): Set<number>;
  /** What adding these saves, upkeep deducted. */
  gain(set: Mask, next: Mask): Promise<number>;
  /** No more than this can be saved on these statements, as far as is known. */
  mostGain(set: Mask, statements: ReadonlySet<number>): Promise<number>;
}

export function setView({ problem, items, costs }: Running): SetView {
  const relevant = problem.statements.map((_, statement) => items.reduce((mask, { id, serves }) => (serves.has(statement) ? mask | bit(id) : mask), 0n));
  const members = (set: Mask) => items.filter(({ id }) => (set & bit(id)) !== 0n);
  const bytes = (set: Mask) => members(set).reduce((sum, item) => sum + item.bytes, 0);
  const upkeep = (set: Mask) => members(set).reduce((sum, item) => sum + item.upkeep, 0);
  const weightOf = (statement: number) => problem.statements[statement]?.weight ?? 0;
  const costOf = async (statement: number, set: Mask) => weightOf(statement) * (await costs.of(statement, set & (relevant[statement] ?? 0n)));
  const served = (set: Mask) => new Set(members(set).flatMap(({ serves }) => [...serves]));
  const view: SetView = {
    items,
    costOf,
    bytes,
    members,
    served,
    objective: async (set) => {
      const parts = await Promise.all(problem.statements.map((_, statement) => costOf(statement, set)));
      return parts.reduce((sum, part) => sum + part, upkeep(set));
    },
    added: (set, more, budgetBytes) => {
      const fresh = members(more);
      const union = fresh.every((item) => !members(set & ~bit(item.id)).some((other) => covers(other.index, item.index))) ? set | more : null;
      if (union === null) return null;
      const kept = members(union).filter((item) => !fresh.some((other) => other !== item && covers(other.index, item.index)));
      const next = kept.reduce((mask, { id }) => mask | bit(id), 0n);
      return bytes(next) > budgetBytes || isCrowded(kept, problem.limits.maxIndexesPerTable) ? null : next;
    },
    gain: async (set, next) => {
      const affected = [...served(set ^ next)];
      const parts = await Promise.all(affected.map(async (statement) => (await costOf(statement, set)) - (await costOf(statement, next))));
      return parts.reduce((sum, part) => sum + part, upkeep(set) - upkeep(next));
    },
    mostGain: async (set, statements) => {
      const parts = await Promise.all([...statements].map(async (statement) => (await costOf(statement, set)) - weightOf(statement) * costs.least(statement)));
      return parts.reduce((sum, part) => sum + part, 0);
    },
  };
  return view;
}

function isCrowded(items: readonly Item[], most: number): boolean {
  const perTable = new Map<string, number>();
  for (const { table } of items) perTable.set(table, (perTable.get(table) ?? 0) + 1);
  return [...perTable.values()].some((count) => count > most);
}
