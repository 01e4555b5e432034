/** Do the rows of one database keep the promises its constraints make? */
import type pg from 'pg';
import type { ProofDepth } from '../../../domain/backup/model.ts';
import { qualified } from '../../pg.ts';
import { reasonByCode } from '../../pg-errors.ts';
import { type ForeignKey, orphanSql, readForeignKeys } from './foreign-keys.ts';
import { counted, type Finding, type OnClone } from './result.ts';
import { asChecker } from './scaffold.ts';
import { takeUsualSearchPath } from './search-path.ts';

/** A plain proof looks at constraints of tables up to this size; a deep one at all. */
const SMALL_BYTES = 256 * 1024 * 1024;
const QUESTION_MS = 3_600_000;
const NAMED = 10;

interface CheckConstraint {
  readonly name: string;
  readonly schema: string;
  readonly table: string;
  readonly expression: string;
  readonly validated: boolean;
  readonly bytes: number;
  readonly partitioned: boolean;
  /** It depends on its row alone: what was true when the row came is true for good. `check (until > now())` is not, and no test of any copy. */
  readonly lasting: boolean;
}

interface Tally {
  checked: number;
  tooLarge: number;
  readonly violated: string[];
  readonly outlived: string[];
  readonly unreadable: string[];
  readonly notValid: string[];
}

/** Foreign keys by anti-join, check constraints by their expression, as a role that may only read: both call the source's own functions. */
export async function constraints(on: OnClone, options: { readonly database: string; readonly depth: ProofDepth; readonly major: number }): Promise<Finding> {
  const { database, depth, major } = options;
  return asChecker(on, { database, timeoutMs: QUESTION_MS, settings: { search_path: 'pg_catalog' } }, async (client) => {
    const tally: Tally = { checked: 0, tooLarge: 0, violated: [], outlived: [], unreadable: [], notValid: await invalidIndexes(client) };
    const ask = async (what: string, constraint: { validated: boolean; bytes: number; lasting?: boolean }, sql: string) => {
      if (!constraint.validated) tally.notValid.push(what);
      else if (depth === 'plain' && constraint.bytes > SMALL_BYTES) tally.tooLarge += 1;
      else await askOne(client, { what, sql, lasting: constraint.lasting ?? true }, tally);
      on.io.beat({ phase: 'constraints', database, checked: tally.checked });
    };
    // read under an empty path, so that every name in them is qualified
    const [keys, checks] = [await readForeignKeys(client, major), await readChecks(client, major)];
    await takeUsualSearchPath(client);
    for (const key of keys) await ask(nameOfKey(key), key, orphanSql(key));
    for (const check of checks) await ask(`${check.schema}.${check.table} check ${check.name}`, check, violatingSql(check));
    return summarise(tally);
  });
}

async function askOne(client: pg.ClientBase, asked: { readonly what: string; readonly sql: string; readonly lasting: boolean }, tally: Tally): Promise<void> {
  const { what, sql, lasting } = asked;
  try {
    const { rows } = await client.query(sql);
    tally.checked += 1;
    if (rows.length > 0) (lasting ? tally.violated : tally.outlived).push(what);
  } catch (error) {
    tally.unreadable.push(`${what}: ${reasonByCode(error)}`);
  }
}

function summarise({ checked, tooLarge, violated, outlived, unreadable, notValid }: Tally): Finding {
  const left = tooLarge === 0 ? '' : `, ${counted(tooLarge, 'constraint')} of large tables left to a deep proof`;
  if (violated.length > 0) {
    return {
      outcome: 'failed',
      cause: 'constraint-violated',
      because: [`${violated.length} of ${counted(checked, 'constraint')} violated: ${violated[0]}`, ...violated.slice(1, NAMED)],
    };
  }
  if (unreadable.length > 0)
    return {
      outcome: 'unusable',
      cause: 'unknown',
      because: [`${counted(unreadable.length, 'constraint')} could not be checked`, ...unreadable.slice(0, NAMED)],
    };
  if (notValid.length > 0 || outlived.length > 0) {
    const told = [
      ...(notValid.length === 0 ? [] : [`${notValid.length} not valid in the source either: ${notValid.slice(0, NAMED).join(', ')}`]),
      ...(outlived.length === 0 ? [] : [`${outlived.length} that depend on more than their row do not hold now: ${outlived.slice(0, NAMED).join(', ')}`]),
    ];
    return { outcome: 'finding', because: [`${told.join('; ')}; ${checked} checked${left}`] };
  }
  if (checked === 0 && tooLarge === 0) return { outcome: 'not-applicable', because: ['no foreign keys, no check constraints'] };
  return { outcome: 'passed', because: [`${counted(checked, 'constraint')} kept by every row${left}`] };
}

const nameOfKey = (key: ForeignKey): string => `${key.childSchema}.${key.child} foreign key ${key.name}`;

const violatingSql = (check: CheckConstraint): string =>
  `/* assay backup */ select 1 from ${check.partitioned ? '' : 'only '}${qualified(check.schema, check.table)} where not (${check.expression}) limit 1`;

/** Of the expression's tree: functions and operators that are not immutable, and current_date and its like, which are no functions there. */
const callsMore = `con.conbin::text like '%{SQLVALUEFUNCTION%' or exists (
  select from pg_catalog.regexp_matches(con.conbin::text, ':(?:op)?funcid ([0-9]+)', 'g') called
  join pg_catalog.pg_proc f on f.oid = called[1]::oid where f.provolatile <> 'i')`;

async function readChecks(client: pg.ClientBase, major: number): Promise<readonly CheckConstraint[]> {
  const { rows } = await client.query<CheckConstraint>(
    `/* assay backup */ select con.conname as name, n.nspname as schema, c.relname as table, pg_catalog.pg_get_expr(con.conbin, con.conrelid) as expression,
       con.convalidated as validated, pg_catalog.pg_table_size(c.oid)::float8 as bytes, c.relkind = 'p' as partitioned, not (${callsMore}) as lasting
     from pg_catalog.pg_constraint con
     join pg_catalog.pg_class c on c.oid = con.conrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where con.contype = 'c' and c.relkind in ('r', 'p') and not c.relispartition and n.nspname not in ('pg_catalog', 'information_schema')
       ${major >= 18 ? 'and con.conenforced' : ''}
     order by n.nspname, c.relname, con.conname`,
  );
  return rows;
}

async function invalidIndexes(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `/* assay backup */ select n.nspname || '.' || c.relname || ' (index)' as name from pg_catalog.pg_index i
     join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace where not i.indisvalid order by 1`,
  );
  return rows.map(({ name }) => name);
}
