/** Names that the application finds by its own search_path and we do not: written with their schema, where only one can be meant. */
import type pg from 'pg';
import { ident } from '../../pg.ts';
import { type Draft, redrafted } from './draft.ts';
import { isFault, locationOf, namesOf, parseOne, visit } from './tree.ts';

interface Missing {
  readonly catalogue: 'relation' | 'function' | 'type';
  readonly name: string;
  readonly start: number;
}

/** The draft with the unqualified name at a byte offset qualified; null: nothing there, or no schema has it, or several do. */
export async function qualifiedAt(client: pg.Client, draft: Draft, offset: number): Promise<Draft | null> {
  const missing = missingAt(draft, offset);
  if (missing === null) return null;
  const { rows } = await client.query<{ schema: string; isPreferred: boolean }>(schemasSql[missing.catalogue], [missing.name]);
  const preferred = rows.filter(({ isPreferred }) => isPreferred);
  const only = preferred.length === 1 ? preferred[0] : rows.length === 1 ? rows[0] : undefined;
  return only === undefined ? null : redrafted(draft, [{ start: missing.start, end: missing.start, text: `${ident(only.schema)}.` }]);
}

function missingAt(draft: Draft, offset: number): Missing | null {
  const parsed = parseOne(draft.text);
  if (isFault(parsed)) return null;
  let found: Missing | null = null;
  visit({ kind: parsed.kind, node: parsed.root }, ({ kind, node }) => {
    if (found !== null || locationOf(node) !== offset) return;
    if (kind === 'RangeVar' && node.schemaname === undefined) found = { catalogue: 'relation', name: String(node.relname), start: offset };
    const list = kind === 'FuncCall' ? node.funcname : kind === 'TypeName' ? node.names : undefined;
    const [name, more] = namesOf(list);
    if (name !== undefined && more === undefined) found = { catalogue: kind === 'FuncCall' ? 'function' : 'type', name, start: offset };
  });
  return found;
}

/** Schemas that somebody's search_path names, by role or by database, come first; pg_catalog is in every search_path. */
const schemasOf = (table: string, schema: string, name: string) => `/* assay optimizer */ select distinct namespace.nspname as schema,
    exists (select from pg_db_role_setting as setting, unnest(setting.setconfig) as entry
      where setting.setdatabase in (0, (select oid from pg_database where datname = current_database())) and entry like 'search_path=%'
        and namespace.nspname = any (select trim(both ' "' from part) from unnest(string_to_array(substr(entry, 13), ',')) as part)) as "isPreferred"
  from ${table} as thing join pg_namespace as namespace on namespace.oid = thing.${schema}
  where thing.${name} = $1 and namespace.nspname !~ '^pg_(temp|toast|catalog$)'`;

const schemasSql: Readonly<Record<Missing['catalogue'], string>> = {
  relation: `${schemasOf('pg_class', 'relnamespace', 'relname')} and thing.relkind in ('r', 'p', 'v', 'm', 'f', 'S')`,
  function: schemasOf('pg_proc', 'pronamespace', 'proname'),
  type: schemasOf('pg_type', 'typnamespace', 'typname'),
};
