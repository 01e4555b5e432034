/** Which setting a plan asks for, and how much of it: from what one execution of the statement showed. Pure. */
import { ms, size } from './finding-words.ts';
import { findingsOf } from './findings.ts';
import { type Explained, nodesOf, numberField, type PlanNode, textField, wasExecuted, workersOf } from './plan.ts';
import type { MemoryUse, SettingName } from './setting.ts';

/** What an executed plan points to. */
export interface SettingHint {
  readonly name: SettingName;
  /** What was seen, in words. */
  readonly because: string;
  /** Of work_mem: what went to disk; otherwise 0. */
  readonly diskBytes: number;
}

/** Longer than this, starting workers is no large part of it. */
const SHORT_MS = 200;
/** Below that a start is not felt: PostgreSQL's own threshold would have kept it serial. */
const STARTED_MS = 2;
/** Of the execution, until the first row came out of the workers. */
const START_SHARE = 0.3;

export function settingHints(plan: Explained): readonly SettingHint[] {
  const findings = findingsOf(plan).map(({ evidence }) => evidence);
  const spills = findings.flatMap((each) => (each.kind === 'spill' ? [each] : []));
  const diskBytes = spills.reduce((sum, each) => sum + each.diskBytes, 0);
  const jit = findings.find((each) => each.kind === 'jit-dominates');
  const start = parallelStart(plan);
  return [
    ...(spills.length === 0 ? [] : [{ name: 'work_mem' as const, because: `${size(diskBytes)} of rows went to disk`, diskBytes }]),
    ...(jit === undefined ? [] : [{ name: 'jit' as const, because: `${ms(jit.jitMs)} of ${ms(jit.executionMs)} went into compiling it`, diskBytes: 0 }]),
    ...(start === null ? [] : [{ name: 'max_parallel_workers_per_gather' as const, because: start, diskBytes: 0 }]),
  ];
}

/** Workers that were started for a statement that was over soon after. null: none, or they had something to do. */
function parallelStart({ root, executionMs }: Explained): string | null {
  if (executionMs === null || executionMs > SHORT_MS || executionMs < STARTED_MS) return null;
  const gather = nodesOf(root).find((node) => isGather(node) && wasExecuted(node) && (numberField(node, 'Workers Launched') ?? 0) > 0);
  const [below] = gather?.children ?? [];
  if (gather === undefined || below === undefined) return null;
  // what is done before the first row comes is the workers' own work where the node below them says so
  const startMs = (gather.actual?.startupMs ?? 0) - (below.actual?.startupMs ?? 0);
  return startMs < executionMs * START_SHARE ? null : `${ms(startMs)} of ${ms(executionMs)} passed until its parallel workers gave a row`;
}

const isGather = ({ type }: PlanNode) => type === 'Gather' || type === 'Gather Merge';

/** Less than this stays in the page cache of any machine: as the finding counts. */
const SPILLED_BYTES = 1_000_000;
const BLOCK_BYTES = 8_192;

/** Did its rows stay in memory? What was written is read at least once, and may be read often. */
export const staysInMemory = ({ root: { blocks } }: Explained): boolean =>
  (((blocks?.tempWritten ?? 0) + (blocks?.tempRead ?? 0)) / 2) * BLOCK_BYTES < SPILLED_BYTES;

/** PostgreSQL allows itself no more than it was given: what a plan used that stayed in memory is what it needs, and a bit for other values. */
const MARGIN = 1.25;

/** work_mem in bytes that the greediest node of this plan needed; 0 where EXPLAIN says of none (rows kept by a CTE, before 18). */
export function memoryNeeded({ root }: Explained, hashMultiplier: number): number {
  return Math.max(0, ...nodesOf(root).map((node) => neededBy(node, hashMultiplier))) * MARGIN;
}

function neededBy(node: PlanNode, hashMultiplier: number): number {
  const each = [node, ...workersOf(node)];
  const most = (name: string) => Math.max(0, ...each.map((one) => numberField(one, name) ?? 0)) * 1_024;
  if (node.type === 'Sort')
    return Math.max(0, ...each.map((one) => (textField(one, 'Sort Space Type') === 'Memory' ? (numberField(one, 'Sort Space Used') ?? 0) : 0))) * 1_024;
  if (HASHES.has(node.type)) return most('Peak Memory Usage') / hashMultiplier;
  return node.fields.Storage === 'Memory' ? most('Maximum Storage') : 0;
}

const HASHES: ReadonlySet<string> = new Set(['Hash', 'Aggregate', 'Memoize']);

const MB = 1_024 ** 2;

/** Rounded up to a size that people would write: 1, 2, 3, 4, 6, 8, 12, 16 … MB. */
export function roundWorkMem(bytes: number): number {
  for (let step = MB; ; step *= 2) {
    if (bytes <= step) return step;
    if (step > MB && bytes <= step * 1.5) return step * 1.5;
  }
}

export const workMemText = (bytes: number): string => (bytes % MB === 0 ? `${bytes / MB}MB` : `${Math.round(bytes / 1_024)}kB`);

/** What one execution of this plan may take at most: each node that keeps rows its own share, in each process that runs it. null: it keeps none. */
export function memoryUse(
  { root }: Explained,
  { workMemBytes, hashMultiplier }: { readonly workMemBytes: number; readonly hashMultiplier: number },
): MemoryUse | null {
  const keepers = keepersBelow(root, 1);
  if (keepers.length === 0) return null;
  const multiplierOf = ({ multiplies }: Keeper) => (multiplies ? hashMultiplier : 1);
  return {
    nodes: keepers.length,
    hashMultiplier: Math.max(...keepers.map(multiplierOf)),
    processes: Math.max(...keepers.map(({ processes }) => processes)),
    executionBytes: keepers.reduce((sum, keeper) => sum + workMemBytes * multiplierOf(keeper) * keeper.processes, 0),
  };
}

interface Keeper {
  /** By hash_mem_multiplier. */
  readonly multiplies: boolean;
  readonly processes: number;
}

function keepersBelow(node: PlanNode, processes: number): readonly Keeper[] {
  const below = isGather(node) ? processes * (1 + (numberField(node, 'Workers Planned') ?? 0)) : processes;
  const own = { multiplies: isHashed(node), processes };
  const hashes = hashedSubplans(node).map(() => ({ multiplies: true, processes }));
  return [...(isKeeper(node) ? [own] : []), ...hashes, ...node.children.flatMap((child) => keepersBelow(child, below))];
}

const KEEPERS: ReadonlySet<string> = new Set([
  'Sort',
  'Incremental Sort',
  'Hash',
  'Memoize',
  'Materialize',
  'CTE Scan',
  'WindowAgg',
  'Function Scan',
  'Recursive Union',
]);

const isHashed = ({ type, strategy }: PlanNode) => type === 'Hash' || type === 'Memoize' || strategy === 'Hashed' || strategy === 'Mixed';
const isKeeper = (node: PlanNode) => KEEPERS.has(node.type) || isHashed(node);

/** `NOT (hashed SubPlan 1)`: its hash table belongs to the node that asks. */
const hashedSubplans = ({ expressions }: PlanNode): readonly string[] => [
  ...new Set(expressions.flatMap(({ text }) => text.match(/hashed SubPlan \d+/g) ?? [])),
];
