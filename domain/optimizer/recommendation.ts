/** A proposed change with its evidence, and the SQL file by which a user's own pipeline makes it. Pure. */
import { createIndexSql, indexName, quoteName, quoteRelation } from './index-sql.ts';
import { sayMadeUp } from './made-up-values.ts';
import type { Decision, Experiment, IndexDefinition, Instant, RecommendationState, RelationName, TableSize } from './model.ts';
import { type RewriteAdvice, sayRewrite } from './rewrite.ts';
import { type SettingAdvice, sayAdvice } from './setting.ts';

interface ProposedChange {
  /** As it is, or will be, called on the source; without its schema, which is the table's. */
  readonly name: string;
  /** One statement a line, each ending in `;`, each to be run outside a transaction. Of a partitioned table CREATE INDEX of each part. */
  readonly sql: string;
  /** Likewise; a removal's is the definition that was kept. Empty: there is nothing to undo. */
  readonly undo: string;
  /** Of a new index, really; of a removal or a rebuild what it frees; of statistics 0. */
  readonly sizeBytes: number;
  readonly buildMs: number;
  /** Executed total without this change / with the whole set; null: not measured. */
  readonly leaveOneOut: number | null;
  /** Why, in words, where the figures do not say it. */
  readonly because?: string;
}

/** On an index: `index` is the new one, or the one that goes or is built anew. Without a kind (documents of earlier versions): create-index. */
export interface IndexChange extends ProposedChange {
  readonly kind?: 'create-index' | 'drop-index' | 'reindex';
  readonly index: IndexDefinition;
  /** Of a removal: what must still be so when it is carried out. Left out: nothing was noted. */
  readonly rests?: RemovalGrounds;
}

export interface RemovalGrounds {
  /** Of the same table: the index that serves what this one did; null: nothing reads it. */
  readonly on: string | null;
  /** Reads of it, of all its parts together, when it was looked at. */
  readonly scans: number;
}

export interface StatisticsChange extends ProposedChange {
  readonly kind: 'create-statistics';
  readonly index: null;
  readonly table: RelationName;
}

/** For one statement: advice, since only its application or its role can have it. */
export interface SettingChange extends ProposedChange {
  readonly kind: 'setting';
  readonly index: null;
  /** The largest that the statement reads: where it grew, the evidence is old. */
  readonly table: RelationName;
  readonly advice: SettingAdvice;
}

/** Another text of one statement: advice, since the text is the application's. `sql` holds both texts and is no statement. */
export interface RewriteChange extends ProposedChange {
  readonly kind: 'rewrite';
  readonly index: null;
  /** The first that it reads. */
  readonly table: RelationName;
  readonly rewrite: RewriteAdvice;
}

export type RecommendedIndex = IndexChange | StatisticsChange | SettingChange | RewriteChange;

/** What Assay can carry out. */
export const changeKinds = ['create-index', 'drop-index', 'reindex', 'create-statistics'] as const satisfies readonly RecommendedIndex['kind'][];
export type ChangeKind = (typeof changeKinds)[number];

/** What only people can do: an approval of it is noted, whatever the policy says. */
export const advisedKinds = ['setting', 'rewrite'] as const satisfies readonly RecommendedIndex['kind'][];
export type ProposalKind = ChangeKind | (typeof advisedKinds)[number];

export const kindOf = (change: RecommendedIndex): ProposalKind => change.kind ?? 'create-index';

export const isAdvised = (kind: ProposalKind): boolean => (advisedKinds as readonly ProposalKind[]).includes(kind);

export const tableOfChange = (change: RecommendedIndex): RelationName => (change.index === null ? change.table : change.index.table);

/** Every table whose rows the evidence rests on. */
export const tablesOfChange = (change: RecommendedIndex): readonly RelationName[] =>
  change.kind === 'rewrite' ? change.rewrite.tables : [tableOfChange(change)];

/** Real bytes of what is new. */
export const newBytes = (changes: readonly RecommendedIndex[]): number =>
  changes.reduce((sum, change) => sum + (kindOf(change) === 'create-index' ? change.sizeBytes : 0), 0);

/** The indexes that other texts need: no changes of their own. */
export const indexesBeside = (changes: readonly RecommendedIndex[]) =>
  changes.flatMap((change) => (change.kind === 'rewrite' ? (change.rewrite.indexes ?? []) : []));

/** Their real bytes. */
export const bytesBeside = (changes: readonly RecommendedIndex[]): number => indexesBeside(changes).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

/** Real bytes of all that is built for them. */
export const takenBytes = (changes: readonly RecommendedIndex[]): number => newBytes(changes) + bytesBeside(changes);

/** What removals and rebuilds give back. */
export const freedBytes = (changes: readonly RecommendedIndex[]): number =>
  changes.reduce((sum, change) => sum + (['drop-index', 'reindex'].includes(kindOf(change)) ? change.sizeBytes : 0), 0);

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
  /** Its run looked for values that were really sent. Absent in documents of earlier versions. */
  readonly capturesValues?: boolean;
  /** Of the changed tables, when it was measured. Absent in documents of earlier versions. */
  readonly tables?: readonly TableSize[];
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
): IndexChange {
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
  const each = indexes.map((index) => [...figuresOf(index, about.database), ...doingOf(index), ...commentSql(about.id, index), ''].join('\n'));
  const isBuilt = indexes.some((change) => kindOf(change) === 'create-index');
  const word = '-- CREATE INDEX CONCURRENTLY runs outside a transaction; a build that fails leaves an INVALID index: drop it, then try again.';
  return [...headOf(about), ...(isBuilt ? [word] : []), '', ...each].join('\n');
}

export function undoSql({ indexes, ...about }: Recommendation): string {
  const undone = indexes.map((change) => (change.undo === '' ? comment(`${change.name}: nothing to undo`) : [...lockOf(change.undo), change.undo].join('\n')));
  const isRemoved = indexes.some((change) => kindOf(change) === 'drop-index');
  return [...headOf(about), `-- Undo: takes what was made away again${isRemoved ? ', and makes again what was dropped' : ''}.`, '', ...undone, ''].join('\n');
}

function headOf({ id, cluster, database, experiment, backup, createdAt, capturesValues }: Omit<Recommendation, 'indexes'>): string[] {
  const { total, statements } = experiment;
  const count = (judged: string) => statements.filter((each) => each.judged === judged).length;
  return [
    comment(`assay recommendation ${id} for ${cluster}/${database}, ${createdAt}`),
    comment(`evidence: experiment ${experiment.id}, measured on a restored copy of backup ${backup} (proof ${experiment.proofId})`),
    comment(`executed total ${share(total.ratio)} of before (95 %: ${share(total.low)} to ${share(total.high)}), weighted by calls`),
    comment(`statements: ${count('faster')} faster, ${count('same')} the same, ${count('slower')} slower`),
    ...[sayMadeUp(statements, capturesValues)].flatMap((said) => (said === null ? [] : [comment(said)])),
  ];
}

/** Advice is no statement of a migration: run there, SET LOCAL would do nothing. */
const doingOf = (change: RecommendedIndex): readonly string[] => (isAdvised(kindOf(change)) ? change.sql.split('\n').map(comment) : [change.sql]);

function figuresOf(change: RecommendedIndex, database: string): string[] {
  const table = quoteRelation(tableOfChange(change));
  const because = change.because === undefined ? [] : [comment(`why: ${change.because}`)];
  if (change.kind === 'setting') return [...because, ...sayAdvice(change.advice, database).map(comment)];
  if (change.kind === 'rewrite') return [...because, ...sayRewrite(change.rewrite).map(comment)];
  if (change.index === null) return [comment(`${table}: statistics on columns that go together; ANALYZE fills them`), ...because];
  const { index, sql, sizeBytes, buildMs, leaveOneOut } = change;
  if (change.kind === 'drop-index') return [comment(`${table}: frees ${sizeBytes} bytes`), ...because, ...lockOf(sql)];
  if (change.kind === 'reindex') return [comment(`${table}: frees about ${sizeBytes} bytes`), ...because];
  const without = leaveOneOut === null ? '' : `; without it the total is ${leaveOneOut.toFixed(2)} times as long`;
  return [
    comment(`${table}: ${sizeBytes} bytes, built in ${buildMs} ms on the copy${without}`),
    ...because,
    ...(sql.includes('CONCURRENTLY') ? [] : [comment('its parts are divided further: this takes a lock that makes writers wait until it is built')]),
    ...(index.predicate === null ? [] : [comment('partial: it serves only statements whose condition implies its own')]),
  ];
}

/** What PostgreSQL does to an index of a partitioned table as a whole only, and what that makes wait. */
function lockOf(sql: string): string[] {
  if (sql.startsWith('DROP INDEX IF'))
    return [comment("partitioned: this shuts the table and its parts for a moment, and all queue behind it: SET lock_timeout = '2s' first, and try again")];
  if (/^CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)/.test(sql)) return [comment('partitioned: this makes all who write to the table wait until it is built')];
  return [];
}

/** What is new carries the id of its evidence with it; what was there keeps its own words. */
function commentSql(id: string, change: RecommendedIndex): string[] {
  const kind = kindOf(change);
  if (kind !== 'create-index' && kind !== 'create-statistics') return [];
  const name = `${quoteName(tableOfChange(change).schema)}.${quoteName(change.name)}`;
  return [`COMMENT ON ${kind === 'create-index' ? 'INDEX' : 'STATISTICS'} ${name} IS 'assay ${id.replaceAll("'", "''")}';`];
}

/** A name may hold a line break: what follows it would be SQL. */
const comment = (text: string): string => `-- ${text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ')}`;

const share = (ratio: number): string => `${(ratio * 100).toFixed(1)} %`;
