/** Sets of items: what they cost the workload by the planner's own word. */
import { bit, type Mask } from './search-costs.ts';
import type { Item, Running } from './search-model.ts';
import { ask } from './search-probe.ts';

/** Weighted cost, upkeep counted; what a search makes small. */
export interface SetView {
  objective(set: Mask): Promise<number>;
  bytes(set: Mask): number;
  members(set: Mask): Item[];
  /** Items that serve a statement, as far as was seen. */
  relevant(statement: number): Mask;
}

export function setView(running: Running): SetView {
  const { problem, items } = running;
  const members = (set: Mask) => items.filter(({ id }) => (set & bit(id)) !== 0n);
  const relevant = (statement: number) => items.reduce((mask, { id, serves }) => (serves.has(statement) ? mask | bit(id) : mask), 0n);
  const upkeep = (set: Mask) => members(set).reduce((sum, item) => sum + item.upkeep, 0);
  return {
    members,
    relevant,
    bytes: (set) => members(set).reduce((sum, item) => sum + item.bytes, 0),
    objective: async (set) => {
      const parts = await Promise.all(
        problem.statements.map(async ({ weight }, statement) => weight * (await ask(running, statement, set & relevant(statement))).cost),
      );
      return parts.reduce((sum, part) => sum + part, upkeep(set));
    },
  };
}
