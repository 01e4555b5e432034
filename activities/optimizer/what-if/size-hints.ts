/** What the size of an index needs and pg_stats does not tell: distinct combinations of several columns, rows of a partial index. Asked on the lab. */
import type pg from 'pg';
import { isDeduplicable } from '../../../domain/optimizer/column-layout.ts';
import { distinctFromSample } from '../../../domain/optimizer/distinct-sample.ts';
import { holdsUnique, type SizeHints } from '../../../domain/optimizer/index-size.ts';
import type { IndexDefinition, TableFacts } from '../../../domain/optimizer/model.ts';
import { ident, qualified } from '../../pg.ts';

const SAMPLE_ROWS = 30_000;
/** Rows of a page are often alike: the sample is spread over many pages, then thinned. */
const SAMPLE_PAGES = 3_000;

/** Of a condition, in the sample: a share is then known to a tenth. */
const ENOUGH_ROWS = 100;

/** A hint that cannot be had is left out: the size is then guessed from the columns. Not for two at once on one session. Never throws. */
export async function sizeHints(client: pg.Client, index: IndexDefinition, table: TableFacts): Promise<SizeHints> {
  const rowShare = index.predicate === null ? undefined : await shareOf(client, index, table).catch(() => undefined);
  const isAsked = index.method === 'btree' && index.predicate === null && mayRepeat(index, table);
  const distinct = isAsked ? await distinctOf(client, index, table).catch(() => undefined) : undefined;
  return { ...(rowShare === undefined ? {} : { rowShare }), ...(distinct === undefined ? {} : { distinct }) };
}

/** Several key columns that are deduplicated, none of them unique by itself. */
function mayRepeat(index: IndexDefinition, table: TableFacts): boolean {
  const names = new Set(index.keys.map(({ column }) => column));
  const keys = table.columns.filter(({ name }) => names.has(name));
  return keys.length > 1 && !names.has(null) && !holdsUnique(names, table) && keys.every(({ type, distinct }) => isDeduplicable(type) && distinct > -0.9);
}

/** By a sample, since the planner takes any comparison of two columns for a third of the rows; by the planner where the sample holds too few. */
async function shareOf(client: pg.Client, index: IndexDefinition, table: TableFacts): Promise<number> {
  const sampled = await sampledShare(client, index, table).catch(() => null);
  if (sampled !== null) return sampled;
  const { schema, relation } = index.table;
  const answer = await client.query(`explain (format json) select from ${qualified(schema, relation)} where (${index.predicate})`);
  const rows = answer.rows[0]['QUERY PLAN'][0].Plan['Plan Rows'] as number;
  return Math.min(1, rows / Math.max(1, table.rows));
}

/** null: too few rows to say. Throws where the predicate reads a column that the sample leaves out for its width. */
async function sampledShare(client: pg.Client, { predicate }: IndexDefinition, table: TableFacts): Promise<number | null> {
  const sample = await sampleOf(client, table);
  const answer = await client.query<{ rows: string; held: string }>(`select count(*) as rows, count(*) filter (where ${predicate}) as held from ${sample}`);
  const [rows, held] = [Number(answer.rows[0]?.rows), Number(answer.rows[0]?.held)];
  return held < ENOUGH_ROWS ? null : held / rows;
}

async function distinctOf(client: pg.Client, index: IndexDefinition, table: TableFacts): Promise<number> {
  const sample = await sampleOf(client, table);
  const keys = index.keys.map(({ column }) => ident(column as string)).join(', ');
  const answer = await client.query<{ rows: string; distinct: string; once: string }>(
    `select sum(n)::int8 as rows, count(*) as distinct, count(*) filter (where n = 1) as once from (select count(*) as n from ${sample} group by ${keys}) g`,
  );
  const { rows, distinct, once } = answer.rows[0] as { rows: string; distinct: string; once: string };
  return distinctFromSample({ sampled: Number(rows), distinct: Number(distinct), once: Number(once), rows: table.rows });
}

/** A temporary table of the session with some 30,000 rows; made once. */
async function sampleOf(client: pg.Client, table: TableFacts): Promise<string> {
  const { schema, relation } = table.table;
  const name = `assay_sample_${Buffer.from(`${schema}.${relation}`).toString('hex').slice(0, 40)}`;
  const there = await client.query('select to_regclass($1) as found', [`pg_temp.${name}`]);
  if (there.rows[0].found !== null) return `pg_temp.${name}`;
  const columns = table.columns.filter(({ width }) => width <= 200).map((column) => ident(column.name));
  const percent = Math.min(100, (100 * SAMPLE_PAGES * 8192) / Math.max(8192, table.sizeBytes));
  const thinning = Math.min(1, SAMPLE_ROWS / Math.max(1, (table.rows * percent) / 100));
  const source = `${qualified(schema, relation)} tablesample system (${percent}) repeatable (1)`;
  await client.query(`create temporary table ${name} as select ${columns.join(', ')} from ${source} where random() < ${thinning}`);
  return `pg_temp.${name}`;
}
