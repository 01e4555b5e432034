/** Work that is done in the wrong place or too often: on disk instead of in memory, once more for each row of an outer side. */
import { type Examined, type Finding, type FindingEvidence, loopsOf, MIN_SHARE, tableOf } from './finding.ts';
import { nodesOf, numberField, type PlanNode, textField, wasExecuted, workersOf } from './plan.ts';
import { shareOf } from './plan-shares.ts';

const BLOCK_BYTES = 8_192;
/** PostgreSQL's defaults; EXPLAIN's SETTINGS name a value only where it differs. */
const DEFAULT_WORK_MEM = 4 * 1_024 ** 2;
const DEFAULT_HASH_MULTIPLIER = 2;
/** Header of a row kept in memory (MAXALIGN of 23 bytes). */
const ROW_HEADER_BYTES = 24;
/** A spill of less stays in the page cache of any machine. */
const SPILL_BYTES = 1_000_000;
/** An inner side that is run less often is no loop that grows. */
const LOOPS = 100;
/** So many times more often than the planner thought. */
const LOOPS_FACTOR = 10;
/** An index finds its rows; a loop that reads more each time goes through a table, or a large part of one. */
const ROWS_PER_LOOP = 100;
/** A fifth of the whole: a loop below that is not what makes the statement slow. */
const LOOP_SHARE = 0.2;

export function workFindings(examined: Examined): readonly Finding[] {
  return examined.nodes.flatMap((node) => [...spill(node, examined), ...loop(node, examined)]);
}

function spill(node: PlanNode, examined: Examined): Finding[] {
  const { shares, isMeasured } = examined;
  const share = spillShare(node, examined);
  if (share < MIN_SHARE) return [];
  const evidence = isMeasured ? spilled(node, shares[node.id]?.tempBlocks ?? 0) : willSpill(node, examined);
  if (evidence === null || evidence.diskBytes < SPILL_BYTES) return [];
  return [{ evidence, nodeId: node.id, relation: node.relation, share, isMeasured }];
}

/** A hash that spills makes its join read and write batches: both pay. */
function spillShare(node: PlanNode, { nodes, shares }: Examined): number {
  const paying = node.type === 'Hash' ? [node, ...nodes.filter(({ children }) => children.includes(node))] : [node];
  return paying.reduce((sum, { id }) => sum + (shares[id] === undefined ? 0 : shareOf(shares[id])), 0);
}

type Spill = Extract<FindingEvidence, { kind: 'spill' }>;

function spilled(node: PlanNode, tempBlocks: number): Spill | null {
  if (!wasExecuted(node)) return null;
  const memory = numberField(node, 'Peak Memory Usage');
  const memoryBytes = memory === null ? null : memory * 1_024;
  if (node.type.endsWith('Sort')) return { kind: 'spill', what: 'sort', diskBytes: sortDisk(node), memoryBytes: null };
  if (node.type === 'Hash')
    return (numberField(node, 'Hash Batches') ?? 1) > 1 ? { kind: 'spill', what: 'hash-join', diskBytes: hashDisk(node, tempBlocks), memoryBytes } : null;
  if (node.type === 'Aggregate') return { kind: 'spill', what: 'hash-aggregate', diskBytes: aggregateDisk(node), memoryBytes };
  // written once and read at least once: half of the buffers are the rows. Joins and hashes were told above
  return KEEPS_ROWS.has(node.type) ? { kind: 'spill', what: 'kept-rows', diskBytes: (tempBlocks / 2) * BLOCK_BYTES, memoryBytes: null } : null;
}

const KEEPS_ROWS: ReadonlySet<string> = new Set([
  'Materialize',
  'CTE Scan',
  'WindowAgg',
  'Function Scan',
  'Recursive Union',
  'WorkTable Scan',
  'Table Function Scan',
]);

/** kB of the leader and of each worker; of an incremental sort the peak of its groups. */
function sortDisk(node: PlanNode): number {
  const whole = [node, ...workersOf(node)].map((each) => (textField(each, 'Sort Space Type') === 'Disk' ? (numberField(each, 'Sort Space Used') ?? 0) : 0));
  const groups = ['Full-sort Groups', 'Pre-sorted Groups'].map((name) => peakOf(node.fields[name]));
  return [...whole, ...groups].reduce((sum, each) => sum + each, 0) * 1_024;
}

function peakOf(groups: unknown): number {
  const disk = (groups as { 'Sort Space Disk'?: { 'Peak Sort Space Used'?: unknown } } | undefined)?.['Sort Space Disk']?.['Peak Sort Space Used'];
  return typeof disk === 'number' ? disk : 0;
}

/** Without BUFFERS: every batch but the first goes to disk, each about as large as the memory. */
const hashDisk = (node: PlanNode, tempBlocks: number) =>
  tempBlocks > 0 ? tempBlocks * BLOCK_BYTES : ((numberField(node, 'Hash Batches') ?? 1) - 1) * (numberField(node, 'Peak Memory Usage') ?? 0) * 1_024;

const aggregateDisk = (node: PlanNode) => [node, ...workersOf(node)].reduce((sum, each) => sum + (numberField(each, 'Disk Usage') ?? 0), 0) * 1_024;

/** What the planner expects to keep against the memory it may use (nodeSort.c, nodeHash.c). A sort for a LIMIT keeps only what is asked. */
function willSpill(node: PlanNode, { plan: { settings }, readings }: Examined): Spill | null {
  const keptBytes = node.children.reduce((sum, { estimate }) => sum + estimate.rows * (Math.ceil(estimate.widthBytes / 8) * 8 + ROW_HEADER_BYTES), 0);
  const workMem = memoryBytes(settings.work_mem) ?? DEFAULT_WORK_MEM;
  const memory = node.type === 'Hash' ? workMem * (Number(settings.hash_mem_multiplier) || DEFAULT_HASH_MULTIPLIER) : workMem;
  const isTopSort = node.type === 'Sort' && readings[node.id]?.isCut === true;
  if ((node.type !== 'Sort' && node.type !== 'Hash') || isTopSort || keptBytes <= memory) return null;
  return { kind: 'spill', what: node.type === 'Sort' ? 'sort' : 'hash-join', diskBytes: Math.round(keptBytes), memoryBytes: memory };
}

const UNITS: Readonly<Record<string, number>> = { B: 1, kB: 1_024, MB: 1_024 ** 2, GB: 1_024 ** 3, TB: 1_024 ** 4 };

/** `64MB`; without a unit kB, as PostgreSQL takes it. */
function memoryBytes(setting: string | undefined): number | null {
  const [, amount, unit] = /^(\d+)(B|kB|MB|GB|TB)?$/.exec(setting ?? '') ?? [];
  return amount === undefined ? null : Number(amount) * (UNITS[unit ?? 'kB'] ?? 1_024);
}

/** The inner side of a nested loop that goes through many rows each time, or runs far more often than the planner thought. */
function loop(node: PlanNode, examined: Examined): Finding[] {
  const inner = node.type === 'Nested Loop' ? node.children.find(({ relationship }) => relationship === 'Inner') : undefined;
  const outer = node.children.find(({ relationship }) => relationship === 'Outer');
  const share = inner === undefined ? 0 : (examined.shares[inner.id]?.inclusiveShare ?? 0);
  if (inner === undefined || outer === undefined || share < LOOP_SHARE) return [];
  const expectedLoops = Math.round(outer.estimate.rows * Math.max(1, loopsOf(outer)));
  const loops = examined.isMeasured ? loopsOf(inner) : expectedLoops;
  const rowsPerLoop = Math.round(readPerLoop(inner, examined));
  if (loops < LOOPS || (rowsPerLoop < ROWS_PER_LOOP && loops < expectedLoops * LOOPS_FACTOR)) return [];
  return [
    {
      evidence: { kind: 'loop-explodes', loops, expectedLoops, rowsPerLoop },
      nodeId: inner.id,
      relation: relationOf(inner),
      share,
      isMeasured: examined.isMeasured,
    },
  ];
}

/** Rows that the inner side gives and throws away for one outer row; before ANALYZE a scan without an index is taken to read its whole table. */
function readPerLoop(inner: PlanNode, examined: Examined): number {
  const { actual, discarded, estimate } = inner;
  if (examined.isMeasured) return (actual?.rows ?? 0) + discarded.byFilter + discarded.byJoinFilter + discarded.byRecheck;
  return inner.type === 'Seq Scan' ? Math.max(estimate.rows, tableOf(examined, inner)?.rows ?? 0) : estimate.rows;
}

const relationOf = (node: PlanNode) => nodesOf(node).find(({ relation }) => relation !== null)?.relation ?? null;
