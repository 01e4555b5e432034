/** An index that goes or is built anew, as a change with its way back: the definition that PostgreSQL itself printed is kept. Pure. */
import { hasLineBreak, quoteName } from './index-sql.ts';
import type { IndexDefinition } from './model.ts';
import type { IndexChange, RemovalGrounds } from './recommendation.ts';

/** One that is there, with all that making it again needs. */
export interface KeptIndex {
  readonly index: IndexDefinition;
  readonly name: string;
  /** pg_get_indexdef(oid): unpretty, names whole. */
  readonly definition: string;
  /** As pg_get_indexdef prints the WHERE, unpretty; null: whole table. */
  readonly where: string | null;
  /** null: the database's own. */
  readonly tablespace: string | null;
  /** COMMENT ON INDEX; null: none. */
  readonly comment: string | null;
  readonly sizeBytes: number;
  /** Of a partitioned table: it can be dropped and made as a whole only, not concurrently. */
  readonly isPartitioned: boolean;
}

interface Grounds {
  readonly because: string;
  /** Bytes given back. */
  readonly freesBytes?: number;
  readonly leaveOneOut?: number | null;
  readonly rests?: RemovalGrounds;
}

/**
 * DROP INDEX, undone by the kept definition, its tablespace and its comment. null: the way back cannot be written, because the definition holds a
 * line break (no line would be a statement), or does not end as `where` says.
 */
export function removalOf(kept: KeptIndex, { because, freesBytes = kept.sizeBytes, leaveOneOut = null, rests }: Grounds): IndexChange | null {
  const concurrently = kept.isPartitioned ? '' : ' CONCURRENTLY';
  const whole = wholeName(kept);
  const sql = `DROP INDEX${concurrently} IF EXISTS ${whole};`;
  const definition = withTablespace(kept.isPartitioned ? { ...kept, definition: ofAllParts(kept) } : kept);
  if (definition === null || hasLineBreak(kept.definition)) return null;
  const comment = kept.comment === null ? [] : [`COMMENT ON INDEX ${whole} IS ${textLiteral(kept.comment)};`];
  const create = `${definition.replace(/^CREATE (UNIQUE )?INDEX /, (_, unique = '') => `CREATE ${unique}INDEX${concurrently} `)};`;
  if (hasLineBreak(sql) || hasLineBreak(create)) return null;
  const undo = [create, ...comment].join('\n');
  const change: IndexChange = { kind: 'drop-index', name: kept.name, index: kept.index, sql, undo, sizeBytes: freesBytes, buildMs: 0, leaveOneOut, because };
  return rests === undefined ? change : { ...change, rests };
}

/** REINDEX CONCURRENTLY; there is nothing to undo. null as of removalOf, and for a partitioned index: its parts are rebuilt one by one. */
export function rebuildOf(kept: KeptIndex, { because, freesBytes = 0 }: Grounds): IndexChange | null {
  const sql = `REINDEX INDEX CONCURRENTLY ${wholeName(kept)};`;
  if (kept.isPartitioned || hasLineBreak(sql)) return null;
  return { kind: 'reindex', name: kept.name, index: kept.index, sql, undo: '', sizeBytes: freesBytes, buildMs: 0, leaveOneOut: null, because };
}

const wholeName = ({ index, name }: KeptIndex): string => `${quoteName(index.table.schema)}.${quoteName(name)}`;

/** PostgreSQL prints a partitioned index as ON ONLY its table: made again like that it would have no parts, and be invalid. */
function ofAllParts({ definition, name }: KeptIndex): string {
  const begins = [name, quoteName(name)].flatMap((word) => ['', 'UNIQUE '].map((unique) => `CREATE ${unique}INDEX ${word} ON `));
  const own = begins.find((begin) => definition.startsWith(`${begin}ONLY `));
  return own === undefined ? definition : `${own}${definition.slice(own.length + 'ONLY '.length)}`;
}

/** pg_get_indexdef leaves the tablespace out; its place is before WHERE. null: there is no such WHERE at its end. */
function withTablespace({ definition, where, tablespace }: KeptIndex): string | null {
  if (tablespace === null) return definition;
  const end = where === null ? '' : ` WHERE ${where}`;
  if (!definition.endsWith(end)) return null;
  return `${definition.slice(0, definition.length - end.length)} TABLESPACE ${quoteName(tablespace)}${end}`;
}

/** On one line, whatever the text holds. */
function textLiteral(text: string): string {
  const quoted = text.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  return `E'${quoted}'`;
}
