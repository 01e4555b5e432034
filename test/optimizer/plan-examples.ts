/** A plan written by hand whose selves are round numbers. */

interface JoinPlan {
  readonly isMeasured: boolean;
  readonly relation?: string;
  readonly filter?: string;
}

/** Hash Left Join (10 ms) of a whole table (80 ms) and a hash of an index scan (10 ms). */
export function joinPlan({ isMeasured, relation = 'orders', filter = '(o.state = ?)' }: JoinPlan): unknown {
  const ran = (ms: number, rows: number) =>
    isMeasured ? { 'Actual Startup Time': 0, 'Actual Total Time': ms, 'Actual Rows': rows, 'Actual Loops': 1, 'Shared Hit Blocks': ms } : {};
  const node = (type: string, cost: number, rows: number) => ({ 'Node Type': type, 'Startup Cost': 0, 'Total Cost': cost, 'Plan Rows': rows, 'Plan Width': 8 });
  const scan = {
    ...node('Seq Scan', 800, 500),
    'Parent Relationship': 'Outer',
    'Relation Name': relation,
    Schema: 'public',
    Alias: 'o',
    Filter: filter,
    ...ran(80, 500),
    ...(isMeasured ? { 'Rows Removed by Filter': 99_500 } : {}),
  };
  const index = {
    ...node('Index Scan', 120, 4_000),
    'Parent Relationship': 'Outer',
    'Relation Name': 'customers',
    Schema: 'public',
    Alias: 'c',
    'Index Name': 'customers_pkey',
    ...ran(10, 4_000),
  };
  const hash = { ...node('Hash', 120, 4_000), 'Parent Relationship': 'Inner', ...ran(10, 4_000), Plans: [index] };
  const join = { ...node('Hash Join', 1_020, 500), 'Join Type': 'Left', 'Hash Cond': '(o.customer = c.id)', ...ran(100, 500), Plans: [scan, hash] };
  return [{ Plan: join, ...(isMeasured ? { 'Planning Time': 0.3, 'Execution Time': 102 } : {}) }];
}
