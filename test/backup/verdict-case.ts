/** What tests of verdicts share: two databases, compared equal, and ways to change that. */
import type { Cause, CheckName, CheckOutcome, CheckResult, Marker, TableFingerprint } from '../../domain/backup/model.ts';
import type { Evidence } from '../../domain/backup/verdict.ts';

export const AT = '2026-11-21T06:00:00.000Z';

export const check = (name: CheckName, outcome: CheckOutcome = 'passed', database: string | null = null, cause: Cause | null = null): CheckResult => ({
  name,
  outcome,
  database,
  cause,
  because: [`${name} of ${database ?? 'the cluster'} ${outcome}`],
  tookMs: 1,
});

export const table = (name: string, bytes: number, takenAt = AT): TableFingerprint => ({
  schema: 'public',
  table: name,
  oid: 1,
  rows: '3',
  sum: '5',
  equality: 'hash',
  bytes,
  seeds: ['1', '2'],
  takenAt,
});

export const marker = (database: string, fingerprints: readonly TableFingerprint[] = [table('t', 100)]): Marker => ({
  id: `m-${database}`,
  cluster: 'main',
  database,
  way: 'slot',
  lsn: '0/5000000',
  timeline: 1,
  at: AT,
  snapshot: '10:10:',
  witness: null,
  fingerprints,
  sequences: [],
  notCovered: [],
  tookMs: 1,
  fenceMs: 0,
});

export const sound = (databases: readonly string[]): CheckResult[] => [
  check('target-reached'),
  check('system-identifier'),
  ...databases.flatMap((database) =>
    (['snapshot-equivalence', 'fingerprints', 'amcheck', 'constraints'] as const).map((name) => check(name, 'passed', database)),
  ),
  check('page-checksums'),
];

export const evidence = (over: Partial<Evidence> = {}): Evidence => ({
  level: 'content',
  checks: sound(['a', 'b']),
  databases: [
    { name: 'a', bytes: 1000 },
    { name: 'b', bytes: 1000 },
  ],
  markers: [marker('a'), marker('b')],
  notCovered: [],
  provenAt: AT,
  ...over,
});

export const replaced = (name: CheckName, database: string | null, outcome: CheckOutcome, cause: Cause | null): CheckResult[] =>
  sound(['a', 'b']).map((each) => (each.name === name && each.database === database ? { ...each, outcome, cause } : each));
