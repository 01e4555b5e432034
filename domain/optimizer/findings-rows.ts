/** Rows that are read and thrown away: by a filter of a whole table, of an index, of a join; pages rechecked because a bitmap or an index was lossy. */
import { conditionOf, type Examined, type Finding, loopsOf, MIN_SHARE, tableOf } from './finding.ts';
import { nodesOf, numberField, type PlanNode, wasExecuted, workersOf } from './plan.ts';
import { shareOf } from './plan-shares.ts';

/** Smaller tables fit into some hundred pages: reading all of them is what the planner should do. */
const BIG_TABLE_ROWS = 10_000;
/** Above a twentieth of the rows an index saves little: PostgreSQL itself leaves it at about that. */
const FEW_ROWS_SHARE = 0.05;
/** Nine of ten rows read in vain: the access path fits the condition badly. */
const DISCARDED_SHARE = 0.9;
/** Fewer cost less than the index that would spare them. */
const DISCARDED_ROWS = 1_000;
/** Pages whose rows are all looked at again; a tenth is where it begins to be seen. */
const LOSSY_SHARE = 0.1;
const LOSSY_BLOCKS = 100;
/** Half of what the index gave was not what was asked for. */
const RECHECKED_SHARE = 0.5;
/** Half of the rows of an index-only scan went to the table after all. */
const HEAP_FETCH_SHARE = 0.5;
const HEAP_FETCHES = 1_000;

export function rowFindings(examined: Examined): readonly Finding[] {
  return examined.nodes.flatMap((node) => [
    ...wholeTable(node, examined),
    ...discarded(node, examined),
    ...lossyBitmap(node, examined),
    ...rechecked(node, examined),
    ...heapFetches(node, examined),
    ...skipped(node, examined),
  ]);
}

const found = ({ shares, isMeasured }: Examined, node: PlanNode, evidence: Finding['evidence']): Finding[] => {
  const share = shares[node.id];
  if (share === undefined || shareOf(share) < MIN_SHARE) return [];
  return [{ evidence, nodeId: node.id, relation: node.relation, share: shareOf(share), isMeasured }];
};

/** Without ANALYZE only where the size of the table is known, and where all of it would be read. */
function wholeTable(node: PlanNode, examined: Examined): Finding[] {
  const condition = conditionOf(node, 'Filter');
  if (node.type !== 'Seq Scan' || condition === '') return [];
  const read = rowsRead(node, examined);
  if (read === null || read.tableRows < BIG_TABLE_ROWS || read.keptRows > read.tableRows * read.scans * FEW_ROWS_SHARE) return [];
  return found(examined, node, { kind: 'seq-scan-few-rows', ...read, condition });
}

function rowsRead(node: PlanNode, examined: Examined) {
  if (examined.isMeasured) {
    if (!wasExecuted(node)) return null;
    const loops = loopsOf(node);
    const [kept, read] = [node.actual?.rows ?? 0, (node.actual?.rows ?? 0) + node.discarded.byFilter];
    // the loops of a parallel scan share one pass over the table; any other loop is a pass of its own
    return node.isParallelAware
      ? { tableRows: Math.round(read * loops), keptRows: Math.round(kept * loops), scans: 1 }
      : { tableRows: Math.round(read), keptRows: Math.round(kept * loops), scans: loops };
  }
  const table = tableOf(examined, node);
  return table === null || examined.readings[node.id]?.isCut === true ? null : { tableRows: Math.round(table.rows), keptRows: node.estimate.rows, scans: 1 };
}

const JOINS: ReadonlySet<string> = new Set(['Nested Loop', 'Hash Join', 'Merge Join']);

/** Where an index or another condition could spare them: HAVING and filters of subqueries must see their rows. Needs ANALYZE: before, nobody knows how many rows an index or a join hands to its filter. */
function discarded(node: PlanNode, examined: Examined): Finding[] {
  if (!wasExecuted(node) || !(node.index !== null || node.type === 'Bitmap Heap Scan' || JOINS.has(node.type))) return [];
  const { byFilter, byJoinFilter } = node.discarded;
  const by = byJoinFilter > byFilter ? 'join-filter' : 'filter';
  const discardedRows = Math.round(Math.max(byFilter, byJoinFilter) * loopsOf(node));
  const keptRows = Math.round((node.actual?.rows ?? 0) * loopsOf(node));
  if (discardedRows < DISCARDED_ROWS || discardedRows < (discardedRows + keptRows) * DISCARDED_SHARE) return [];
  return found(examined, node, {
    kind: 'rows-discarded',
    discardedRows,
    keptRows,
    by,
    condition: conditionOf(node, by === 'filter' ? 'Filter' : 'Join Filter'),
  });
}

function lossyBitmap(node: PlanNode, examined: Examined): Finding[] {
  if (node.type !== 'Bitmap Heap Scan' || !wasExecuted(node)) return [];
  const [lossyBlocks, exactBlocks] = [blocks(node, 'Lossy Heap Blocks'), blocks(node, 'Exact Heap Blocks')];
  if (lossyBlocks < LOSSY_BLOCKS || lossyBlocks < (lossyBlocks + exactBlocks) * LOSSY_SHARE) return [];
  return found(examined, node, { kind: 'bitmap-lossy', lossyBlocks, exactBlocks, recheckedRows: Math.round(node.discarded.byRecheck * loopsOf(node)) });
}

/** Since PostgreSQL 18 each worker reports its own pages, and the node the leader's. */
const blocks = (node: PlanNode, name: string) => [node, ...workersOf(node)].reduce((sum, each) => sum + (numberField(each, name) ?? 0), 0);

/** The index itself is lossy: trigrams, GiST, BRIN. A lossy bitmap is a finding of its own. */
function rechecked(node: PlanNode, examined: Examined): Finding[] {
  if (!wasExecuted(node) || blocks(node, 'Lossy Heap Blocks') > 0) return [];
  const recheckedRows = Math.round(node.discarded.byRecheck * loopsOf(node));
  const keptRows = Math.round(((node.actual?.rows ?? 0) + node.discarded.byFilter) * loopsOf(node));
  if (recheckedRows < DISCARDED_ROWS || recheckedRows < (recheckedRows + keptRows) * RECHECKED_SHARE) return [];
  return found(examined, node, { kind: 'index-rechecked', recheckedRows, keptRows });
}

/** What comes up to LIMIT and is not given is what OFFSET skips. What it takes is what those below it and itself take for them. */
function skipped(node: PlanNode, { shares, isMeasured }: Examined): Finding[] {
  const [below] = node.children;
  if (node.type !== 'Limit' || below === undefined || !wasExecuted(node) || !wasExecuted(below)) return [];
  const [read, keptRows] = [below, node].map((each) => Math.round((each.actual?.rows ?? 0) * loopsOf(each))) as [number, number]; // of two there are two
  const skippedRows = read - keptRows;
  if (skippedRows < DISCARDED_ROWS || skippedRows < read * DISCARDED_SHARE) return [];
  const whole = nodesOf(node).reduce((sum, { id }) => sum + (shares[id] === undefined ? 0 : shareOf(shares[id])), 0);
  const share = Math.min(1, whole) * (skippedRows / read);
  return share < MIN_SHARE ? [] : [{ evidence: { kind: 'offset-skips', skippedRows, keptRows }, nodeId: node.id, relation: null, share, isMeasured }];
}

/** EXPLAIN gives heap fetches as a sum over loops, not an average. */
function heapFetches(node: PlanNode, examined: Examined): Finding[] {
  if (node.type !== 'Index Only Scan' || !wasExecuted(node)) return [];
  const fetches = numberField(node, 'Heap Fetches') ?? 0;
  const rows = Math.round(((node.actual?.rows ?? 0) + node.discarded.byFilter) * loopsOf(node));
  if (fetches < HEAP_FETCHES || fetches < rows * HEAP_FETCH_SHARE) return [];
  return found(examined, node, { kind: 'heap-fetches', fetches, rows });
}
