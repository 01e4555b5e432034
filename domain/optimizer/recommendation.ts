/** A proposed change with its evidence, and the SQL file by which a user's own pipeline makes it. Pure. */
import { createIndexSql, indexName, quoteName, quoteRelation } from './index-sql.ts';
import type { Decision, Experiment, IndexDefinition, Instant, RecommendationState, RelationName } from './model.ts';

export interface RecommendedIndex {
  /** As it will be called on the source. */
  readonly name: string;
  readonly index: IndexDefinition;
  /** As it is proposed: CREATE INDEX, of a partitioned table one for each part, each a line. */
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

/** How a table is divided; null: it is not. `parts`: those that hold rows, empty where they are divided further themselves. */
export type Partitions = { readonly parts: readonly RelationName[] } | null;

/** The index as it is proposed for the source, under the name it will have there. */
export function recommendedIndex(
  index: IndexDefinition,
  measured: Pick<RecommendedIndex, 'sizeBytes' | 'buildMs' | 'leaveOneOut'>,
  partitions: Partitions = null,
): RecommendedIndex {
  const name = indexName(index);
  const whole = `${quoteName(index.table.schema)}.${quoteName(name)}`;
  // PostgreSQL drops the index of a partitioned table only as a whole, and not concurrently
  const undo = `DROP INDEX${partitions === null ? ' CONCURRENTLY' : ''} IF EXISTS ${whole};`;
  return { name, index, sql: createSql(index, name, partitions).join('\n'), undo, ...measured };
}

function createSql(index: IndexDefinition, name: string, partitions: Partitions): readonly string[] {
  if (partitions === null) return [`${createIndexSql(index, name, { concurrently: true })};`];
  if (partitions.parts.length === 0) return [`${createIndexSql(index, name, { concurrently: false })};`];
  const table = quoteRelation(index.table);
  // the whole is there at once and empty, and is valid once every part was attached: nobody who writes has to wait for a build
  const onlyWhole = createIndexSql(index, name, { concurrently: false }).replace(` ON ${table} `, () => ` ON ONLY ${table} `);
  const parts = partitions.parts.flatMap((part) => {
    const own = { ...index, table: part };
    const partName = indexName(own);
    return [
      `${createIndexSql(own, partName, { concurrently: true })};`,
      `ALTER INDEX ${quoteName(index.table.schema)}.${quoteName(name)} ATTACH PARTITION ${quoteName(part.schema)}.${quoteName(partName)};`,
    ];
  });
  return [`${onlyWhole};`, ...parts];
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

function figuresOf({ index, sql, sizeBytes, buildMs, leaveOneOut }: RecommendedIndex): string[] {
  const without = leaveOneOut === null ? '' : `; without it the total is ${leaveOneOut.toFixed(2)} times as long`;
  return [
    comment(`${quoteRelation(index.table)}: ${sizeBytes} bytes, built in ${buildMs} ms on the copy${without}`),
    ...(sql.includes('CONCURRENTLY') ? [] : [comment('its parts are divided further: this takes a lock that makes writers wait until it is built')]),
    ...(index.predicate === null ? [] : [comment('partial: it serves only statements whose condition implies its own')]),
  ];
}

/** The change carries the id of its evidence with it. */
const commentSql = (id: string, { index, name }: RecommendedIndex): string =>
  `COMMENT ON INDEX ${quoteName(index.table.schema)}.${quoteName(name)} IS 'assay ${id.replaceAll("'", "''")}';`;

/** A name may hold a line break: what follows it would be SQL. */
const comment = (text: string): string => `-- ${text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ')}`;

const share = (ratio: number): string => `${(ratio * 100).toFixed(1)} %`;
