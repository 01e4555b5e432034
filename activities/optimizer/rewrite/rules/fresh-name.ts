/** Names for what a rule adds, which meet none of the statement's own. */
import type { SelectStmt } from 'libpg-query';

export const freshName = (query: SelectStmt, wish: string): string => freshNames(query)(wish);

/** Each one once. Every word of the tree counts, wherever it stands. */
export function freshNames(query: SelectStmt): (wish: string) => string {
  const used = new Set(wordsOf(query));
  return (wish) => {
    for (let number = 1; ; number += 1) {
      const name = number === 1 ? wish : `${wish}_${number}`;
      if (used.has(name)) continue;
      used.add(name);
      return name;
    }
  };
}

function wordsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(wordsOf);
}
