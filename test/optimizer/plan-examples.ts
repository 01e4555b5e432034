/** A plan whose selves are round numbers, and a recommendation, written by hand. */
import type { StatementVerdict } from '../../domain/optimizer/model.ts';
import { type Recommendation, type RecommendedIndex, recommendedIndex } from '../../domain/optimizer/recommendation.ts';

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

const statement = (at: number, ratio: number, judged: StatementVerdict['judged']): StatementVerdict => ({
  statement: `s${at}`,
  ratio,
  low: ratio * 0.92,
  high: ratio * 1.1,
  judged,
  bindingSource: at % 3 === 0 ? 'captured' : 'synthetic',
});

const index = (column: string, sizeBytes: number, leaveOneOut: number | null): RecommendedIndex =>
  recommendedIndex(
    {
      table: { schema: 'public', relation: 'Order' },
      method: 'btree',
      keys: [{ column, expression: null, descending: false, nullsFirst: null, operatorClass: null }],
      include: [],
      predicate: null,
      unique: false,
    },
    { sizeBytes, buildMs: sizeBytes / 50_000, leaveOneOut },
  );

/** Three indexes; two statements gain, one stays, one loses a little. */
export const recommendation: Recommendation = {
  id: 'rec-1',
  run: 'run-1',
  cluster: 'shop',
  database: 'shop',
  createdAt: '2026-11-21T10:00:00.000Z',
  state: 'proposed',
  backup: '20261121-090000F',
  experiment: {
    id: 'exp-1',
    proofId: 'proof-1',
    changes: [],
    statements: [statement(1, 0.04, 'faster'), statement(2, 0.6, 'faster'), statement(3, 1.0, 'same'), statement(4, 1.07, 'slower')],
    total: { ratio: 0.312, low: 0.298, high: 0.33 },
  },
  indexes: [index('customer_id', 9_000_000, 1.9), index('placed_at', 22_000_000, 1.2), index('state', 1_500_000, null)],
  decision: { verdict: 'accepted', because: ['the executed total fell to 31.2 %, with its whole interval below 100 %'] },
  texts: {
    s1: 'select id, state from "Order" where customer_id = $1 order by placed_at desc limit $2',
    s2: 'select count(*) from "Order" where placed_at > $1',
    s3: 'select email from customer where id = $1',
    s4: 'update "Order" set state = $2 where id = $1',
  },
};
