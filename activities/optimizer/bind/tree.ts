/** PostgreSQL's own parser (libpg-query, PostgreSQL 18's grammar, which also takes `$1` where pg_stat_statements puts it). */
import { hasSqlDetails, loadModule, parseSync, type ScanToken, scanSync } from 'libpg-query';

/** A node of a parse tree, as libpg-query gives it; `location` is a byte offset, left out where it is 0. */
export type Tree = { readonly [key: string]: unknown };

export interface Parsed {
  readonly text: string;
  /** UTF-8 of the text: every location counts bytes. */
  readonly bytes: Buffer;
  /** SelectStmt, InsertStmt, … */
  readonly kind: string;
  readonly root: Tree;
}

export interface ParseFault {
  readonly reason: 'truncated-text' | 'unreadable-text';
  /** Our words: the parser's own quote what it stumbled over, which may be a value. */
  readonly detail: string;
}

export const isFault = (parsed: Parsed | readonly Parsed[] | ParseFault): parsed is ParseFault => 'reason' in parsed;

/** Must have been awaited once before anything else here. Idempotent. */
export const parserReady = (): Promise<void> => loadModule();

/** The one statement of a text. */
export function parseOne(text: string): Parsed | ParseFault {
  const parsed = parseAll(text);
  if (!Array.isArray(parsed)) return parsed;
  const [only, ...more] = parsed;
  if (only === undefined) return { reason: 'unreadable-text', detail: 'no statement' };
  return more.length === 0 ? only : { reason: 'unreadable-text', detail: `${parsed.length} statements in one text` };
}

/** All statements of a text, each with a text of its own. */
export function parseAll(text: string): Parsed[] | ParseFault {
  // the WASM module takes a C string
  if (text.includes('\0')) return { reason: 'unreadable-text', detail: 'a null byte' };
  if (text.trim() === '') return [];
  try {
    const bytes = Buffer.from(text);
    const found = (parseSync(text) as { stmts?: { stmt: Tree; stmt_location?: number; stmt_len?: number }[] }).stmts ?? [];
    return found.map(({ stmt, stmt_location: start = 0, stmt_len: length }) => {
      if (start === 0 && length === undefined) return parsedOf(text, stmt);
      const own = bytes.subarray(start, length === undefined ? undefined : start + length).toString();
      // locations count from the beginning of the text, whatever stands before
      return parsedOf(own, start === 0 ? stmt : ((parseSync(own) as { stmts: { stmt: Tree }[] }).stmts[0]?.stmt as Tree));
    });
  } catch (error) {
    return faultOf(error);
  }
}

function parsedOf(text: string, stmt: Tree): Parsed {
  const [kind, root] = Object.entries(stmt)[0] as [string, Tree];
  return { text, bytes: Buffer.from(text), kind, root };
}

function faultOf(error: unknown): ParseFault {
  const detail = error instanceof Error ? (error.message.split('\n')[0] as string) : String(error);
  // what stands at the end says that something is missing there
  const isTruncated = /at end of input|^unterminated/.test(hasSqlDetails(error) ? (error.sqlDetails?.message ?? detail) : detail);
  return isTruncated
    ? { reason: 'truncated-text', detail: 'the text ends in the middle of a statement' }
    : { reason: 'unreadable-text', detail: 'PostgreSQL’s parser does not take it' };
}

/** The words of a text, comments included; start and end count bytes. */
export const tokens = (text: string): readonly ScanToken[] => scanSync(text).tokens;

export interface Visit {
  readonly kind: string;
  readonly node: Tree;
  /** Outermost first. */
  readonly above: readonly { readonly kind: string; readonly node: Tree }[];
}

/** Every node of a tree, from the outside in and in the order of the grammar. `false` leaves out what is below a node. */
export function visit(root: { kind: string; node: Tree }, see: (visit: Visit) => unknown): void {
  walk(root.kind, root.node, [], see);
}

function walk(kind: string, node: Tree, above: Visit['above'], see: (visit: Visit) => unknown): void {
  if (see({ kind, node, above }) === false) return;
  const inside = [...above, { kind, node }];
  for (const [key, value] of Object.entries(node)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      const below = tagged(one, key);
      if (below !== null) walk(below.kind, below.node, inside, see);
    }
  }
}

/** `{ "ColumnRef": {…} }` carries its kind; a field of one fixed kind goes without, and its name tells. */
export function tagged(value: unknown, key = ''): { kind: string; node: Tree } | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const entries = Object.entries(value);
  const [name, inner] = entries[0] ?? [];
  if (entries.length === 1 && name !== undefined && /^[A-Z]/.test(name) && typeof inner === 'object' && inner !== null) {
    return { kind: name, node: inner as Tree };
  }
  return { kind: fixedKinds[key] ?? key, node: value as Tree };
}

const fixedKinds: Readonly<Record<string, string>> = {
  relation: 'RangeVar',
  larg: 'SelectStmt',
  rarg: 'SelectStmt',
  typeName: 'TypeName',
  withClause: 'WithClause',
  onConflictClause: 'OnConflictClause',
};

/** Byte offset of a node; null where the grammar gives none. */
export function locationOf(node: Tree): number | null {
  const location = node.location ?? 0;
  return typeof location === 'number' && location >= 0 ? location : null;
}

/** `a.b.c` of a list of String nodes. */
export const namesOf = (list: unknown): string[] =>
  (Array.isArray(list) ? list : []).flatMap((one) => {
    const name = (one as { String?: { sval?: string } }).String;
    return name === undefined ? [] : [name.sval ?? ''];
  });
