/** What an index costs the statements that write: it is paid by every insert, and by updates of what it holds. */
import { quoteRelation } from './index-sql.ts';
import type { IndexDefinition, TableFacts } from './model.ts';
import type { TableWrite } from './statement-shape.ts';

/** Writes of the workload, with the rows they touched in its interval. */
export interface CountedWrite extends TableWrite {
  readonly rows: number;
}

/**
 * Planner units for one new index entry: a descent of three levels (3 × 50 × cpu_operator_cost), the insertion, and a share of a page written later.
 * A rough figure that only keeps indexes off tables that are mostly written; the lab measures the real one.
 */
const PER_ENTRY = 1;

/** Over the whole workload. An update of its columns also ends HOT: the other indexes get an entry too, where none of them held those columns already. */
export function upkeepOf(index: IndexDefinition, writes: readonly CountedWrite[], facts: readonly TableFacts[]): number {
  const name = quoteRelation(index.table);
  const others = facts.find(({ table }) => quoteRelation(table) === name)?.indexes ?? [];
  const entries = (write: CountedWrite): number => {
    if (quoteRelation(write.table) !== name || write.kind === 'delete') return 0;
    if (write.kind === 'insert' || others.some((other) => holdsAny(other, write.columns))) return write.rows;
    return holdsAny(index, write.columns) ? write.rows * (1 + others.length) : 0;
  };
  return PER_ENTRY * writes.reduce((sum, write) => sum + entries(write), 0);
}

/** An expression or predicate may read any column. */
function holdsAny(index: IndexDefinition, columns: readonly string[]): boolean {
  const held = [...index.keys.map(({ column }) => column), ...index.include];
  const isOpen = index.predicate !== null || index.keys.some(({ column }) => column === null);
  return columns.length > 0 && (isOpen || columns.some((column) => held.includes(column)));
}
