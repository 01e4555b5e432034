/** What would take the place of a set's large members: estimates rank such close calls badly, so that both are worth building, and execution decides. */
import { indexText } from './index-sql.ts';
import type { IndexDefinition } from './model.ts';
import { bookOf } from './search-book.ts';
import type { FoundSet, Running } from './search-model.ts';
import { solve } from './search-solve.ts';

/** Of the budget: a smaller one is no close call. */
const LARGE = 0.05;
/** Members at most, the largest first. */
const MOST = 8;

/** Of the best set without each of them what the set itself does not hold; the planner is asked nothing. Each once. */
export function standIns(running: Running, { indexes }: FoundSet, budgetBytes: number): readonly IndexDefinition[] {
  const book = bookOf(running);
  const own = new Set(indexes.map(indexText));
  const members = running.items.filter(({ text }) => own.has(text));
  const large = members.filter(({ bytes }) => bytes >= LARGE * budgetBytes).toSorted((a, b) => b.bytes - a.bytes);
  const found = new Map<string, IndexDefinition>();
  for (const member of large.slice(0, MOST)) {
    const [best] = solve(book, {
      isAllowed: (item) => item !== member.id && (running.items[item]?.bytes ?? 0) <= budgetBytes,
      budgetBytes,
      starts: [members.filter((other) => other !== member).map(({ id }) => id)],
      kicks: 0,
      powers: [],
      isOver: running.isOver,
    });
    for (const place of best?.set ?? []) {
      const item = running.items[place];
      if (item !== undefined && !own.has(item.text)) found.set(item.text, item.index);
    }
  }
  return [...found.values()];
}
