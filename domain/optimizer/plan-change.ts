/** What a set of indexes changed in a plan, in a few words that stay the same from statement to statement. Pure. */

/** The nodes of EXPLAIN (FORMAT JSON), as far as this needs them. */
export interface ChangedPlan {
  readonly 'Node Type': string;
  readonly 'Total Cost': number;
  readonly 'Relation Name'?: string;
  readonly Alias?: string;
  readonly 'Index Name'?: string;
  readonly 'Parent Relationship'?: string;
  readonly Plans?: readonly ChangedPlan[];
}

/** How one table of the statement is read. */
interface Access {
  readonly type: string;
  readonly indexes: string;
  /** Once for each row of the outer side of a nested loop. */
  readonly isInner: boolean;
  readonly cost: number;
}

/**
 * Such as `Seq Scan → Index Scan`, `Nested Loop over Index Only Scan`, `Seq Scan → Index Scan, Sort removed`; null where both plans do the same.
 * One name for the whole plan, by the table whose reading cost most before: few shapes with many samples teach more than many with few. That nested loops
 * over an index go wrong by a way of their own is the commonest of the regressions in "Understanding and Detecting Query Performance Regression in
 * Practical Index Tuning" (SIGMOD 2026).
 */
export function shapeOfChange(before: ChangedPlan, after: ChangedPlan): string | null {
  const [old, fresh] = [accessesOf(before), accessesOf(after)];
  const changed = [...old].flatMap(([alias, was]) => {
    const is = fresh.get(alias);
    return is === undefined || (is.type === was.type && is.indexes === was.indexes && is.isInner === was.isInner) ? [] : [{ was, is }];
  });
  const [main] = changed.toSorted((a, b) => b.was.cost - a.was.cost);
  const loop = changed.filter(({ was, is }) => is.isInner && !was.isInner).toSorted((a, b) => b.was.cost - a.was.cost)[0];
  const sorts = countOf(before, isSort) - countOf(after, isSort);
  const parts = [
    ...(loop !== undefined ? [`Nested Loop over ${loop.is.type}`] : main !== undefined ? [accessChange(main)] : []),
    ...(sorts > 0 ? ['Sort removed'] : sorts < 0 ? ['Sort added'] : []),
  ];
  if (parts.length > 0) return parts.join(', ');
  return outline(before) === outline(after) ? null : 'other';
}

function accessChange({ was, is }: { readonly was: Access; readonly is: Access }): string {
  if (was.type !== is.type) return `${was.type} → ${is.type}`;
  return was.indexes === is.indexes ? 'other order of joins' : `${was.type} by another index`;
}

function accessesOf(plan: ChangedPlan): ReadonlyMap<string, Access> {
  const found = new Map<string, Access>();
  collect(plan, false, found);
  return found;
}

/** Aliases are one of a kind in a plan: EXPLAIN numbers those that are not. */
function collect(plan: ChangedPlan, isInner: boolean, found: Map<string, Access>): void {
  const alias = plan.Alias;
  if (plan['Relation Name'] !== undefined && alias !== undefined && plan['Node Type'] !== 'ModifyTable') {
    found.set(alias, { type: plan['Node Type'], indexes: indexesBelow(plan).join(), isInner, cost: plan['Total Cost'] });
  }
  for (const child of plan.Plans ?? []) {
    const isLoop = plan['Node Type'] === 'Nested Loop' && child['Parent Relationship'] === 'Inner';
    // what is kept is not read again for each row
    const isKept = child['Node Type'] === 'Materialize' || child['Node Type'] === 'Hash' || child['Node Type'] === 'Sort';
    collect(child, !isKept && (isInner || isLoop), found);
  }
}

/** Of a bitmap scan those of its bitmaps. */
function indexesBelow(plan: ChangedPlan): string[] {
  const own = plan['Index Name'] === undefined ? [] : [plan['Index Name']];
  const below = (plan.Plans ?? []).filter((child) => child['Node Type'].startsWith('Bitmap'));
  return [...own, ...below.flatMap(indexesBelow)].toSorted();
}

const isSort = (type: string): boolean => type === 'Sort' || type === 'Incremental Sort';

const countOf = (plan: ChangedPlan, isOne: (type: string) => boolean): number =>
  (plan.Plans ?? []).reduce((sum, child) => sum + countOf(child, isOne), isOne(plan['Node Type']) ? 1 : 0);

const outline = (plan: ChangedPlan): string =>
  `${plan['Node Type']} ${plan['Relation Name'] ?? ''} ${plan['Index Name'] ?? ''}(${(plan.Plans ?? []).map(outline).join()})`;
