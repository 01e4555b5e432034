/** Leaf pages that CREATE INDEX writes for a b-tree: nbtsort.c's filling and nbtdedup.c's posting lists in arithmetic. */

const PAGE_BYTES = 8192 - 24 - 16;
/** A page is left once less than this is free (fillfactor 90). */
const LEFT_FREE = 819;
const LINE_POINTER = 4;
const TID = 6;
/** A posting list grows to at most this (a tenth of a page, less its line pointer). */
const MAX_POSTING = 812;

export interface LeafContent {
  readonly rows: number;
  /** Distinct keys among them, nulls as one. */
  readonly distinct: number;
  /** Average bytes of a plain index tuple, header and alignment included. */
  readonly tupleBytes: number;
  readonly isDeduplicated: boolean;
}

/** At least one page. */
export function btreeLeafPages(content: LeafContent): number {
  const { rows, distinct, tupleBytes, isDeduplicated } = content;
  if (rows === 0) return 1;
  if (!isDeduplicated || distinct >= rows) return pagesOf(rows, tupleBytes + LINE_POINTER, tupleBytes);
  const { items, bytes } = deduplicated(rows, Math.max(1, distinct), tupleBytes);
  return pagesOf(items, bytes / items, tupleBytes);
}

/**
 * Items go in until less than a tenth is free, where a posting list counts as if it were cut already (nbtsort.c's last_truncextra). The last one
 * then moves on to the next page and leaves its key behind as upper bound.
 */
function pagesOf(items: number, itemBytes: number, tupleBytes: number): number {
  const room = PAGE_BYTES - LINE_POINTER;
  const leftFree = Math.max(0, LEFT_FREE - Math.max(0, itemBytes - LINE_POINTER - tupleBytes));
  const placed = Math.min(Math.floor((room - leftFree) / itemBytes) + 1, Math.floor(room / itemBytes));
  return Math.max(1, Math.ceil(items / Math.max(1, placed - 1)));
}

/** Rows per key spread as a Poisson law around their mean: some keys stay single, some fill several lists. */
function deduplicated(rows: number, distinct: number, tupleBytes: number): { readonly items: number; readonly bytes: number } {
  const perList = Math.max(1, Math.floor((Math.floor(MAX_POSTING / 8) * 8 - tupleBytes) / TID));
  let items = 0;
  let bytes = 0;
  for (const { count, share } of groupSizes(rows / distinct)) {
    const keys = distinct * share;
    const full = Math.floor(count / perList);
    const rest = count - full * perList;
    items += keys * (full + (rest > 0 ? 1 : 0));
    bytes += keys * (full * listBytes(perList, tupleBytes) + (rest > 0 ? listBytes(rest, tupleBytes) : 0));
  }
  return { items, bytes };
}

const listBytes = (tids: number, tupleBytes: number): number => LINE_POINTER + (tids === 1 ? tupleBytes : Math.ceil((tupleBytes + tids * TID) / 8) * 8);

/** Sizes of groups of at least one row with mean `mean`; a large mean is taken as it is. */
function groupSizes(mean: number): { readonly count: number; readonly share: number }[] {
  if (mean > 60) return [{ count: mean, share: 1 }];
  const rate = truncatedRate(mean);
  const zero = Math.exp(-rate);
  const sizes: { count: number; share: number }[] = [];
  let chance = zero;
  for (let count = 1; count <= mean * 3 + 20; count++) {
    chance *= rate / count;
    sizes.push({ count, share: chance / (1 - zero) });
  }
  return sizes;
}

/** The rate whose Poisson law, without its zeros, has this mean: mean = rate / (1 - e^-rate), by bisection. */
function truncatedRate(mean: number): number {
  let low = 1e-9;
  let high = Math.max(mean, 1e-6);
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2;
    if (middle / -Math.expm1(-middle) < mean) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
