/** Which items make which superfluous; each pair is compared once, though items keep coming. */
import { covers } from './redundancy.ts';
import type { Item } from './search-model.ts';

/** `items` may grow; what is asked about a place again only looks at the new ones. */
export function coverFinder(items: readonly Item[]): (item: number) => readonly number[] {
  const found = new Map<number, { looked: number; readonly by: number[] }>();
  return (place) => {
    const known = found.get(place) ?? { looked: 0, by: [] };
    found.set(place, known);
    const item = items[place];
    for (; item !== undefined && known.looked < items.length; known.looked++) {
      const other = items[known.looked];
      if (other !== undefined && other !== item && other.table === item.table && covers(other.index, item.index)) known.by.push(other.id);
    }
    return known.by;
  };
}
