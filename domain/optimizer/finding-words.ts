/** How a finding is said to people: what it is, its numbers, the way out. The same words on the terminal and on the page. */
import type { Finding, FindingEvidence } from './finding.ts';

export interface FindingWords {
  /** Two to five words. */
  readonly title: string;
  /** One sentence with the numbers. */
  readonly says: string;
  /** What may help; to be proven, as everything else. */
  readonly wayOut: string;
}

export function sayFinding({ evidence, isMeasured }: Pick<Finding, 'evidence' | 'isMeasured'>): FindingWords {
  return sayRows(evidence, isMeasured);
}

function sayRows(evidence: FindingEvidence, isMeasured: boolean): FindingWords {
  switch (evidence.kind) {
    case 'seq-scan-few-rows':
      return {
        title: 'whole table for few rows',
        says: `${isMeasured ? 'reads' : 'would read'} all ${count(evidence.tableRows)} rows${times(evidence.scans)} to keep ${kept(evidence.keptRows)}`,
        wayOut: 'an index on the columns of the filter',
      };
    case 'rows-discarded':
      return {
        title: 'reads rows in vain',
        says: `throws away ${count(evidence.discardedRows)} rows to keep ${kept(evidence.keptRows)}`,
        wayOut:
          evidence.by === 'filter'
            ? "an index that holds the filter's columns, too"
            : 'a condition that can be joined by equality, or an index for the inner side',
      };
    case 'offset-skips':
      return {
        title: 'rows skipped by OFFSET',
        says: `reads ${count(evidence.skippedRows)} rows and leaves them out to give ${kept(evidence.keptRows)}`,
        wayOut:
          'the last row of the page before as a condition (keyset) in the place of OFFSET: where rows come or go between two pages it gives others, so no such text is proposed as an equal one',
      };
    case 'bitmap-lossy':
      return {
        title: 'bitmap too large for memory',
        says: `${count(evidence.lossyBlocks)} of ${count(evidence.lossyBlocks + evidence.exactBlocks)} pages were looked through whole, ${count(evidence.recheckedRows)} rows thrown away`,
        wayOut: 'more work_mem for this statement, or an index that finds fewer rows',
      };
    case 'index-rechecked':
      return {
        title: 'index finds too much',
        says: `${count(evidence.recheckedRows)} rows that the index gave were not asked for, ${count(evidence.keptRows)} were`,
        wayOut: 'an index that fits the condition more exactly',
      };
    case 'heap-fetches':
      return {
        title: 'index-only scan reads the table',
        says: `went to the table ${count(evidence.fetches)} times for ${count(evidence.rows)} rows`,
        wayOut: 'VACUUM of the table, more often where it changes much',
      };
    default:
      return sayWork(evidence, isMeasured);
  }
}

type RowKind = 'offset-skips' | 'seq-scan-few-rows' | 'rows-discarded' | 'bitmap-lossy' | 'index-rechecked' | 'heap-fetches';

function sayWork(evidence: Exclude<FindingEvidence, { kind: RowKind }>, isMeasured: boolean): FindingWords {
  switch (evidence.kind) {
    case 'misestimate':
      return {
        title: 'count of rows is wrong from here',
        says: `${count(evidence.actualRows)} rows came where ${count(evidence.estimatedRows)} were expected, ${count(Math.round(evidence.factor))} times ${evidence.actualRows > evidence.estimatedRows ? 'more' : 'fewer'}`,
        wayOut: 'ANALYZE; extended statistics where columns depend on each other; a higher statistics target',
      };
    case 'spill':
      return {
        title: 'works on disk',
        says: `${SPILLS[evidence.what]} ${isMeasured ? 'wrote' : 'would keep'} ${size(evidence.diskBytes)}${evidence.memoryBytes === null ? '' : `, ${isMeasured ? 'having' : 'with'} ${size(evidence.memoryBytes)} of memory`}`,
        wayOut: WAYS_OUT[evidence.what],
      };
    case 'loop-explodes':
      return {
        title: 'loop grows',
        says: `${isMeasured ? 'ran' : 'would run'} ${count(evidence.loops)} times${evidence.loops > evidence.expectedLoops ? ` where ${count(evidence.expectedLoops)} were expected` : ''}, ${count(evidence.rowsPerLoop)} rows read each time`,
        wayOut: "an index on the inner side's join columns, or the right count of rows on the outer side",
      };
    default:
      return sayStatement(evidence);
  }
}

const SPILLS = { sort: 'the sort', 'hash-join': 'the hash table', 'hash-aggregate': 'the groups', 'kept-rows': 'the rows kept' } as const;

const WAYS_OUT = {
  sort: 'more work_mem for this statement, fewer columns or rows, or an index that gives the order',
  'hash-join': 'more work_mem (or hash_mem_multiplier) for this statement, or fewer rows and columns before the join',
  'hash-aggregate': 'more work_mem (or hash_mem_multiplier) for this statement, or an index that gives the order of the groups',
  'kept-rows': 'more work_mem for this statement, or fewer rows and columns that are kept',
} as const;

function sayStatement(evidence: Exclude<FindingEvidence, { kind: RowKind | 'misestimate' | 'spill' | 'loop-explodes' }>): FindingWords {
  switch (evidence.kind) {
    case 'jit-dominates':
      return {
        title: 'compiling takes long',
        says: `${ms(evidence.jitMs)} of ${ms(evidence.executionMs)} went into compiling ${count(evidence.functions)} functions`,
        wayOut: 'jit = off for this statement, or a higher jit_above_cost',
      };
    case 'planning-dominates':
      return {
        title: 'planning takes long',
        says: `planned for ${ms(evidence.planningMs)}, executed in ${ms(evidence.executionMs)}`,
        wayOut: 'a prepared statement, fewer partitions or joins in it',
      };
    case 'trigger-dominates':
      return {
        title: evidence.isConstraint ? 'a constraint takes long' : 'a trigger takes long',
        says: `${ms(evidence.triggerMs)} of ${ms(evidence.executionMs)} went into ${count(evidence.calls)} calls of ${evidence.trigger}`,
        wayOut: evidence.isConstraint ? 'an index on the columns that refer to this table' : 'a look at what the trigger does for each row',
      };
    case 'statistics-missing':
      return { title: 'no statistics', says: `nothing is known of a table of ${count(evidence.rows)} rows`, wayOut: 'ANALYZE of this table' };
    case 'statistics-stale':
      return {
        title: 'stale statistics',
        says: `${count(evidence.changedRows)} of ${count(evidence.rows)} rows changed since the last ANALYZE${evidence.analyzedAt === null ? '' : ` (${evidence.analyzedAt.slice(0, 16).replace('T', ' ')} UTC)`}`,
        wayOut: 'ANALYZE of this table; a smaller autovacuum_analyze_scale_factor for it',
      };
    case 'n-plus-one':
      return {
        title: 'one call for each row',
        says: `called ${count(evidence.calls)} times, about as often as statement ${evidence.caller} gave rows (${count(evidence.rowsOfCaller)} in ${count(evidence.callsOfCaller)} calls)`,
        wayOut: 'one statement with a join, or with = ANY of all keys: the loop is the application’s, so nothing is proposed for it',
      };
    case 'lock-wait':
      return {
        title: 'waits for locks',
        says: `was seen waiting in ${count(evidence.waits)} of ${count(evidence.samples)} looks, ${ms(evidence.longestMs)} at the longest${evidence.blockers.length === 0 ? '' : `, for statement ${evidence.blockers.join(', ')}`}`,
        wayOut: 'shorter transactions on the other side, or the same order of rows in all of them',
      };
  }
}

/** `1,234,567`: the same on every machine. */
export const count = (value: number): string =>
  Math.round(value)
    .toString()
    .replaceAll(/\B(?=(\d{3})+$)/g, ',');

/** Averages over loops are rounded to whole rows: what is left of them may be more than nothing. */
const kept = (rows: number) => (rows === 0 ? 'hardly any' : count(rows));

const times = (scans: number) => (scans > 1 ? `, ${count(scans)} times,` : '');

/** `0.042 ms`, `3.4 ms`, `840 ms`, `12.4 s`. */
export function ms(value: number): string {
  if (value >= 1_000) return `${(value / 1_000).toFixed(value < 10_000 ? 2 : 1)} s`;
  return `${value >= 100 ? Math.round(value) : value >= 1 ? value.toFixed(1) : value.toFixed(3)} ms`;
}

/** `69.4` of 0.694; what is a thousand times as fast does not take no time. */
export const percent = (ratio: number): string => (ratio > 0 && ratio < 0.0005 ? '<0.1' : (ratio * 100).toFixed(1));

/** A sentence that names statements by their ids, as histories may hold it, with the beginnings of their texts. */
export function withTexts(sentence: string, texts: Readonly<Record<string, string>>): string {
  return sentence.replaceAll(/(?<![\w-])-?[\da-f]{8,}(?!\w)/g, (id) => {
    const text = texts[id]?.replaceAll(/\s+/g, ' ').trim();
    return text === undefined ? id : `“${text.length <= TEXT_SHOWN ? text : `${text.slice(0, TEXT_SHOWN - 1)}…`}”`;
  });
}

const TEXT_SHOWN = 60;

/** Powers of 1000. */
export function size(bytes: number): string {
  const [unit, scale] = bytes >= 1e9 ? ['GB', 1e9] : bytes >= 1e6 ? ['MB', 1e6] : ['kB', 1e3];
  return `${(bytes / Number(scale)).toFixed(1)} ${unit}`;
}
