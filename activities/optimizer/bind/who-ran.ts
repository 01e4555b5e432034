/**
 * As whom a statement is planned and executed on the lab: as the role that ran it, with its own settings. Where row level security hides rows from it by a
 * setting of the session (`tenant_id = current_setting('app.tenant')::int`), with values of that setting that lead to rows; without one there is no verdict.
 */
import type pg from 'pg';
import { MAX_BINDINGS } from '../../../domain/optimizer/limits.ts';
import type { Guard, RunAs, Statement } from '../../../domain/optimizer/model.ts';
import { isRolesOwn } from '../lab/planner-settings.ts';
import { type Guarded, guardedFor, nameOf, tablesWithPolicies } from './policies.ts';
import { type SeeingSession, sessionsThatSee } from './sessions-that-see.ts';
import type { LabCatalogue } from './statistics.ts';
import type { Parsed } from './tree.ts';

export interface WhoRan {
  /** At least one, the best first; null: the session's own superuser. */
  readonly as: readonly (SeeingSession | null)[];
  /** What row level security adds, of tables that the statement names. */
  readonly guards: readonly Guard[];
  /** For people: tables, and how they are looked at. */
  readonly notices: readonly string[];
}

/** `ask` is of one session; it remembers roles, and the settings with which they see something. */
export interface RoleBook {
  ask(statement: Statement, parsed: Parsed): Promise<WhoRan | { readonly refused: string }>;
}

const NOBODY =
  'who ran it is not known: only pg_stat_statements says so, and a log that names the role (csvlog, jsonlog, or stderr with %u in log_line_prefix)';

const superuser: WhoRan = { as: [null], guards: [], notices: [] };

export function roleBook(client: pg.Client, catalogue: LabCatalogue): RoleBook {
  const roles = new Map<string, Promise<Role | null>>();
  const known = new Map<string, Promise<readonly SeeingSession[] | string>>();
  const roleOf = (name: string) => once(roles, name, () => readRole(client, name));
  const sessions = (as: RunAs, guarded: Guarded) =>
    once(known, JSON.stringify([as.role, guarded.tables.map(({ table, isNamed }) => [nameOf(table), isNamed]).toSorted()]), () =>
      sessionsThatSee({ client, catalogue }, as, guarded),
    );
  const seenBy = async (name: string, parsed: Parsed): Promise<WhoRan | { readonly refused: string }> => {
    const role = await roleOf(name);
    if (role === null) return { refused: `role ${name}, which ran it, is not on the lab` };
    if (role.isSuperuser) return superuser;
    const as: RunAs = { role: name, settings: role.settings };
    const guarded = await guardedFor({ client, catalogue }, parsed, name);
    if (guarded.tables.length === 0) return { as: [{ as, own: new Map(), isMadeUp: false }], guards: [], notices: [] };
    const found = await sessions(as, guarded);
    if (typeof found === 'string') return { refused: found };
    const named = guarded.tables.filter(({ isNamed }) => isNamed);
    return {
      as: found,
      guards: named.map(({ table, condition }) => ({ table: { schema: table.schema, relation: table.name }, condition })),
      notices: guarded.tables.map(({ table }) => noticeOf(nameOf(table), as, found)),
    };
  };
  return {
    async ask({ roles: ranBy = [] }, parsed) {
      const tables = await tablesWithPolicies(catalogue, parsed);
      if (ranBy.length === 0) {
        return tables.length === 0 ? superuser : { refused: `${tables.join(', ')} has row level security, and ${NOBODY}` };
      }
      const answers: (WhoRan | { readonly refused: string })[] = [];
      for (const name of ranBy.slice(0, MAX_BINDINGS)) answers.push(await seenBy(name, parsed));
      const good = answers.filter((answer) => 'as' in answer);
      const [refused] = answers.filter((answer) => 'refused' in answer);
      if (good.length === 0) return tables.length === 0 || refused === undefined ? superuser : refused;
      return {
        as: inTurn(good.map(({ as }) => as)),
        guards: good.find(({ guards }) => guards.length > 0)?.guards ?? [],
        notices: good.flatMap(({ notices }) => notices),
      };
    },
  };
}

/** The first of each, then the second of each. */
function inTurn<T>(lists: readonly (readonly T[])[]): readonly T[] {
  const most = Math.max(...lists.map(({ length }) => length));
  return Array.from({ length: most }, (_, place) => lists.flatMap((list) => list.slice(place, place + 1))).flat();
}

function noticeOf(table: string, { role, settings }: RunAs, [first]: readonly SeeingSession[]): string {
  const made = Object.keys(first?.as.settings ?? {}).filter((name) => first?.as.settings[name] !== settings[name]);
  // whose those that were really sent are, no log says
  const values = made.length === 0 ? '' : `, with values for ${made.join(', ')} that lead to rows, and others made up to go with them`;
  return `${table} has row level security: what ${role} ran runs on the lab as ${role}${values}`;
}

interface Role {
  readonly isSuperuser: boolean;
  readonly settings: Readonly<Record<string, string>>;
}

async function readRole(client: pg.Client, name: string): Promise<Role | null> {
  const { rows } = await client.query<{ isSuperuser: boolean; settings: readonly string[] }>(roleSql, [name]);
  const [row] = rows;
  if (row === undefined) return null;
  const pairs = row.settings.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const);
  return { isSuperuser: row.isSuperuser, settings: Object.fromEntries(pairs.filter(([setting]) => isRolesOwn(setting))) };
}

function once<T>(known: Map<string, Promise<T>>, key: string, read: () => Promise<T>): Promise<T> {
  const found = known.get(key) ?? read();
  known.set(key, found);
  return found;
}

/** What is said of a role in this database beats what is said of it everywhere. */
const roleSql = `/* assay optimizer */ select role.rolsuper as "isSuperuser", array(select setting
    from pg_catalog.pg_db_role_setting as said, unnest(said.setconfig) as setting
    where said.setrole = role.oid and said.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_database()))
    order by said.setdatabase) as settings
  from pg_catalog.pg_roles as role where role.rolname = $1`;
