/** A proposed change with its evidence, and the SQL file by which a user's own pipeline makes it. Pure. */
import { createIndexSql, indexName, quoteName, quoteRelation } from './index-sql.ts';
import type { Decision, Experiment, IndexDefinition, Instant, RecommendationState } from './model.ts';

export interface RecommendedIndex {
  /** As it will be called on the source. */
  readonly name: string;
  readonly index: IndexDefinition;
  /** CREATE INDEX as it is proposed. */
  readonly sql: string;
  readonly undo: string;
  readonly sizeBytes: number;
  readonly buildMs: number;
  /** Executed total without it / with the whole set; null: not measured. */
  readonly leaveOneOut: number | null;
}

export interface Recommendation {
  readonly id: string;
  readonly run: string;
  readonly cluster: string;
  readonly database: string;
  readonly createdAt: Instant;
  readonly state: RecommendationState;
  readonly experiment: Experiment;
  /** Label of the backup the lab was made of. */
  readonly backup: string;
  readonly indexes: readonly RecommendedIndex[];
  readonly decision: Decision;
  /** Normalised texts of the statements in the experiment, by id; values are `$1`. */
  readonly texts: Readonly<Record<string, string>>;
}

/** The index as it is proposed for the source. `isPartitioned`: PostgreSQL cannot build it concurrently as a whole. */
export function recommendedIndex(
  index: IndexDefinition,
  measured: Pick<RecommendedIndex, 'sizeBytes' | 'buildMs' | 'leaveOneOut'>,
  { isPartitioned }: { readonly isPartitioned: boolean },
): RecommendedIndex {
  const name = indexName(index);
  const whole = `${quoteName(index.table.schema)}.${quoteName(name)}`;
  return {
    name,
    index,
    sql: `${createIndexSql(index, name, { concurrently: !isPartitioned })};`,
    undo: `DROP INDEX${isPartitioned ? '' : ' CONCURRENTLY'} IF EXISTS ${whole};`,
    ...measured,
  };
}

/** For `psql -f` or a migration without a transaction around it. */
export function recommendationSql({ indexes, ...about }: Recommendation): string {
  const each = indexes.map((index) => [...figuresOf(index), index.sql, commentSql(about.id, index), ''].join('\n'));
  return [
    ...headOf(about),
    '-- CREATE INDEX CONCURRENTLY runs outside a transaction; a build that fails leaves an INVALID index: drop it, then try again.',
    '',
    ...each,
  ].join('\n');
}

export function undoSql({ indexes, ...about }: Recommendation): string {
  return [...headOf(about), '-- Undo: takes the indexes away again.', '', ...indexes.map(({ undo }) => undo), ''].join('\n');
}

function headOf({ id, cluster, database, experiment, backup, createdAt }: Omit<Recommendation, 'indexes'>): string[] {
  const { total, statements } = experiment;
  const count = (judged: string) => statements.filter((each) => each.judged === judged).length;
  return [
    comment(`assay recommendation ${id} for ${cluster}/${database}, ${createdAt}`),
    comment(`evidence: experiment ${experiment.id}, measured on a restored copy of backup ${backup} (proof ${experiment.proofId})`),
    comment(`executed total ${share(total.ratio)} of before (95 %: ${share(total.low)} to ${share(total.high)}), weighted by calls`),
    comment(`statements: ${count('faster')} faster, ${count('same')} the same, ${count('slower')} slower`),
  ];
}

function figuresOf({ index, sizeBytes, buildMs, leaveOneOut }: RecommendedIndex): string[] {
  const without = leaveOneOut === null ? '' : `; without it the total is ${leaveOneOut.toFixed(2)} times as long`;
  return [
    comment(`${quoteRelation(index.table)}: ${sizeBytes} bytes, built in ${buildMs} ms on the copy${without}`),
    ...(index.predicate === null ? [] : [comment('partial: it serves only statements whose condition implies its own')]),
  ];
}

/** The change carries the id of its evidence with it. */
const commentSql = (id: string, { index, name }: RecommendedIndex): string =>
  `COMMENT ON INDEX ${quoteName(index.table.schema)}.${quoteName(name)} IS 'assay ${id.replaceAll("'", "''")}';`;

/** A name may hold a line break: what follows it would be SQL. */
const comment = (text: string): string => `-- ${text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ')}`;

const share = (ratio: number): string => `${(ratio * 100).toFixed(1)} %`;
