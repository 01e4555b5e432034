/** Places by what each promises, the most first: a binary heap that forgets old promises when they come up. */

export interface PromiseQueue {
  /** Takes the place of what the place promised before; 0 or less: nothing any more. */
  put(place: number, promise: number): void;
  /** The place with the greatest promise, which stays; -1 where nothing is promised. */
  first(): number;
}

export function promiseQueue(places: number): PromiseQueue {
  const current = new Float64Array(places);
  const heap: Entry[] = [];
  const dropFirst = () => {
    const last = heap.pop() as Entry; // never called on an empty heap
    if (heap.length > 0) sink(heap, last);
  };
  return {
    put: (place, promise) => {
      current[place] = Math.max(0, promise);
      if (promise > 0) rise(heap, { place, promise });
    },
    first: () => {
      for (;;) {
        const [entry] = heap;
        if (entry === undefined) return -1;
        if (current[entry.place] === entry.promise) return entry.place;
        dropFirst();
      }
    },
  };
}

interface Entry {
  readonly place: number;
  readonly promise: number;
}

/** Of equal promises the smaller place comes first: the same questions give the same sets. */
const isBefore = (a: Entry, b: Entry): boolean => a.promise > b.promise || (a.promise === b.promise && a.place < b.place);

function rise(heap: Entry[], entry: Entry): void {
  let at = heap.push(entry) - 1;
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = heap[above] as Entry;
    if (!isBefore(entry, parent)) break;
    heap[at] = parent;
    at = above;
  }
  heap[at] = entry;
}

/** From the top, whose entry is gone. */
function sink(heap: Entry[], entry: Entry): void {
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    if (left >= heap.length) break;
    const right = left + 1;
    const below = right < heap.length && isBefore(heap[right] as Entry, heap[left] as Entry) ? right : left;
    if (!isBefore(heap[below] as Entry, entry)) break;
    heap[at] = heap[below] as Entry;
    at = below;
  }
  heap[at] = entry;
}
