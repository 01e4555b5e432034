/** One index from two, or from one: what a set in place asks for, and no statement by itself. */
import { keyText, quoteRelation } from './index-sql.ts';
import type { IndexDefinition } from './model.ts';

/**
 * Two indexes as one, all columns of both in it: with the keys of `long`, so that `short` finds its rows by what both begin with; and, where neither
 * begins the other, with those common keys alone. None where they have nothing in common, or `long` holds all of it.
 */
export function merges(long: IndexDefinition, short: IndexDefinition): IndexDefinition[] {
  if (quoteRelation(long.table) !== quoteRelation(short.table) || long.predicate !== short.predicate || long.method !== short.method) return [];
  const differs = long.keys.findIndex((key, place) => short.keys[place] === undefined || keyText(key) !== keyText(short.keys[place]));
  const common = differs < 0 ? long.keys.length : differs;
  const others = [...long.keys, ...short.keys].map(({ column }) => column);
  if (common === 0 || others.includes(null)) return [];
  const keyLists = common === short.keys.length ? [long.keys] : [long.keys, long.keys.slice(0, common)];
  const made = keyLists.map((keys): IndexDefinition => {
    const held = new Set(keys.map(({ column }) => column));
    const include = [...new Set([...(others as string[]), ...long.include, ...short.include])].filter((column) => !held.has(column));
    return { ...long, keys, include };
  });
  return made.filter(({ keys, include }) => keys.length !== long.keys.length || include.length !== long.include.length);
}

/** Without what none of its readers reads: columns at the end of the keys, included ones. null where all is read. */
export function trimmed(index: IndexDefinition, isRead: (column: string) => boolean): IndexDefinition | null {
  if (index.method !== 'btree' || index.predicate !== null) return null;
  const last = index.keys.findLastIndex(({ column }) => column === null || isRead(column));
  const keys = index.keys.slice(0, Math.max(1, last + 1));
  const include = index.include.filter(isRead);
  return keys.length === index.keys.length && include.length === index.include.length ? null : { ...index, keys, include };
}
