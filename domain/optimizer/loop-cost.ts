/**
 * What the planner leaves out of the cost of a nested loop over an index. It spreads the pages that all runs of the inner scan read over as many runs as
 * the smallest table of the outer side has rows that pass its own conditions (get_loop_count in indxpath.c); a join on the way leaves fewer, and then a
 * run seems to read next to nothing: 800 suppliers of two nations, each with 600 rows of lineitem, at a tenth of what 800 such reads cost.
 * Priced again here by cost_index's own formula (costsize.c) with the runs that the plan makes. Only ever dearer.
 *
 * A page that is found in memory again costs nothing there, and a look-up and a pin in truth: 0.6 µs each were measured where cost units take 3 to 20 µs
 * (shared buffers, no other session). Counted as 5 × cpu_tuple_cost, by which the estimated totals of seven sets of TPC-H came within 0.03 of the
 * executed ones, 0.06 without. Pure.
 */
import { type PlanNode, type Runs, visitRuns } from './plan-runs.ts';

/** PostgreSQL's settings of these names; the cache in pages. */
export interface PlannerCosts {
  readonly seqPage: number;
  readonly randomPage: number;
  readonly cpuTuple: number;
  readonly cpuIndexTuple: number;
  readonly effectiveCachePages: number;
}

/** What one run of an index scan, or of a bitmap scan by one index, reads. */
export interface Probe {
  readonly tablePages: number;
  readonly tableRows: number;
  readonly indexPages: number;
  /** Rows that the index gives before anything else is asked of them. */
  readonly rows: number;
  /** Of the index's first key with the table's order, −1 to 1. */
  readonly correlation: number;
  /** Of the index. */
  readonly keys: number;
}

export interface Statistics {
  /** Of an index scan or a bitmap scan; null where it is not known. */
  readonly probeOf: (scan: PlanNode) => Probe | null;
  /** Of the table that a node reads; 0 where it is not known. */
  readonly pagesOf: (scan: PlanNode) => number;
}

/** Of a page that is found again, in cpu_tuple_cost. */
const VISIT = 5;
/** btcostestimate: of several keys the first one's order says less. */
const OF_SEVERAL_KEYS = 0.75;

interface Loop extends Runs {
  readonly scan: PlanNode;
  readonly probe: Probe;
}

/** Cost units to add to the plan's total. */
export function missingLoopCost(plan: PlanNode, costs: PlannerCosts, { probeOf, pagesOf }: Statistics): number {
  const loops: Loop[] = [];
  let allPages = 0;
  visitRuns(plan, (scan, { runs, share }) => {
    if (scan['Relation Name'] !== undefined) allPages += pagesOf(scan);
    const probe = runs > 1 && SCANS.has(scan['Node Type']) ? probeOf(scan) : null;
    if (probe !== null) loops.push({ scan, runs, share, probe });
  });
  return loops.reduce((sum, loop) => {
    const missing = leastCost(loop, costs, allPages) - loop.runs * askedCost(loop);
    return sum + (missing > 0 ? missing : 0);
  }, 0);
}

const SCANS = new Set(['Index Scan', 'Index Only Scan', 'Bitmap Heap Scan']);

/** What the plan has for a run. */
const askedCost = ({ scan, share }: Loop): number => scan['Startup Cost'] + share * (scan['Total Cost'] - scan['Startup Cost']);

function leastCost({ scan, runs, share, probe }: Loop, costs: PlannerCosts, allPages: number): number {
  const rows = probe.rows * share;
  // `b` of index_pages_fetched()
  const cached = (pages: number) => Math.max(1, Math.ceil((costs.effectiveCachePages * pages) / Math.max(1, allPages + probe.indexPages)));
  const { pages: heap, visits } = heapOf({ scan, runs, share, probe }, rows, cached(probe.tablePages));
  const leaves = runs * Math.ceil((rows / Math.max(1, probe.tableRows)) * probe.indexPages);
  const leaf = pagesFetched(leaves, probe.indexPages, cached(probe.indexPages));
  const perPage = scan['Node Type'] === 'Bitmap Heap Scan' ? bitmapPage(heap / runs, probe, costs) : costs.randomPage;
  const cpu = runs * rows * (costs.cpuTuple + costs.cpuIndexTuple) + Math.max(0, visits - heap) * VISIT * costs.cpuTuple;
  return heap * perPage + leaf * costs.randomPage + cpu;
}

/** Pages of the table that all runs read together, and how often they turn to another one: each between the best order and none. */
function heapOf({ scan, runs, probe }: Loop, rows: number, cached: number): { readonly pages: number; readonly visits: number } {
  const { tablePages, tableRows, correlation, keys } = probe;
  // what is visible to all is not looked for in the table
  if (scan['Node Type'] === 'Index Only Scan') return { pages: 0, visits: 0 };
  const fetched = (each: number) => pagesFetched(runs * each, tablePages, cached);
  // a bitmap turns to each page once a run, in the table's order
  if (scan['Node Type'] === 'Bitmap Heap Scan') return { pages: fetched(rows), visits: runs * pagesFetched(rows, tablePages, tablePages) };
  const inOrder = Math.ceil((rows / Math.max(1, tableRows)) * tablePages);
  const between = (scattered: number, ordered: number, order: number) => scattered + order ** 2 * (ordered - scattered);
  return {
    pages: between(fetched(rows), fetched(inOrder), keys > 1 ? correlation * OF_SEVERAL_KEYS : correlation),
    visits: runs * between(rows, inOrder, correlation),
  };
}

/** The more of a table's pages a run reads, the more they are read one after the other: cost_bitmap_heap_scan. */
function bitmapPage(pages: number, { tablePages }: Probe, { randomPage, seqPage }: PlannerCosts): number {
  return pages < 2 ? randomPage : randomPage - (randomPage - seqPage) * Math.sqrt(Math.min(1, pages / Math.max(1, tablePages)));
}

/**
 * Pages read where `fetches` of a table's pages are asked for at random and so many of them stay in memory: index_pages_fetched() in costsize.c, after
 * L. F. Mackert and G. M. Lohman, "Index Scans Using a Finite LRU Buffer: A Validated I/O Model", ACM TODS 14(3), 1989.
 */
export function pagesFetched(fetches: number, pages: number, cached: number): number {
  if (fetches <= 0 || pages <= 0) return 0;
  const distinct = (2 * pages * fetches) / (2 * pages + fetches);
  if (pages <= cached) return Math.min(distinct, pages);
  const limit = (2 * pages * cached) / (2 * pages - cached);
  return fetches <= limit ? distinct : cached + ((fetches - limit) * (pages - cached)) / pages;
}
