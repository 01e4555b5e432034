/** What a text of pg_stat_statements is, by PostgreSQL's own parser, and why it can get no verdict where the text alone says so. */
import { sourceSchema } from '../../../domain/ids.ts';
import type { NotJudgedReason, StatementKind } from '../../../domain/optimizer/model.ts';
import { isFault, type Parsed, parseOne, type Tree, tagged, tokens, visit } from '../bind/tree.ts';
import { normalised } from './normalise.ts';

export interface Classified {
  /** The statement itself: without the `PREPARE … AS` or `DECLARE … FOR` around it. */
  readonly text: string;
  readonly kind: StatementKind;
  readonly notJudged: { readonly reason: NotJudgedReason; readonly detail: string } | null;
}

export interface KnownNames {
  /** Whether a name without schema is a relation of pg_catalog. */
  readonly isCatalogue: (name: string) => boolean;
  /** Tables that the workload makes with CREATE TEMP. */
  readonly temporary: ReadonlySet<string>;
}

const kinds: Readonly<Record<string, StatementKind>> = {
  SelectStmt: 'select',
  InsertStmt: 'insert',
  UpdateStmt: 'update',
  DeleteStmt: 'delete',
  MergeStmt: 'merge',
};

/** Reading, binding and planning twenty thousand constants keeps a worker from its beats: a run of others would end by it. */
const LONGEST_TEXT = 50_000;

/** `parserReady()` must have been awaited. */
export function classify(text: string, known: KnownNames): Classified {
  if (/^\s*\/\*\s*assay\b/i.test(text)) return refused(text, 'own-statement', 'sent by Assay');
  if (text.length > LONGEST_TEXT) return refused(text, 'budget', `its text of ${text.length} characters is longer than ${LONGEST_TEXT}`);
  const parsed = parseOne(text);
  if (isFault(parsed)) return refused(text, parsed.reason, parsed.detail);
  const own = unwrapped(parsed);
  const kind = kinds[own.kind];
  if (kind === undefined || own.root.intoClause !== undefined) return refused(own.text, 'utility', commandOf(own.kind));
  return { text: own.text, kind, notJudged: relationsRefuse(own, known) };
}

/** Names of the tables that a text makes for its session only. */
export function temporaryTables(text: string): readonly string[] {
  if (!/temp/i.test(text)) return [];
  const parsed = parseOne(text);
  if (isFault(parsed)) return [];
  const names: string[] = [];
  visit({ kind: parsed.kind, node: parsed.root }, ({ node }) => {
    if (node.relpersistence === 't' && typeof node.relname === 'string') names.push(node.relname);
  });
  return names;
}

const refused = (text: string, reason: NotJudgedReason, detail: string): Classified => ({ text, kind: 'utility', notJudged: { reason, detail } });

const commands: Readonly<Record<string, string>> = {
  SelectStmt: 'select into',
  CreateStmt: 'create table',
  IndexStmt: 'create index',
  ViewStmt: 'create view',
  VariableSetStmt: 'set',
  VariableShowStmt: 'show',
};

/** `CreateTableAsStmt` → `create table as`. */
const commandOf = (kind: string) =>
  commands[kind] ??
  kind
    .replace(/Stmt$/, '')
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toLowerCase();

/** pg_stat_statements counts executions of a prepared statement and of a cursor under the text that made it; that of a cursor with its constants. */
function unwrapped(parsed: Parsed): Parsed {
  const word = { PrepareStmt: 'as', DeclareCursorStmt: 'for' }[parsed.kind];
  if (word === undefined) return parsed;
  let depth = 0;
  for (const token of tokens(parsed.text)) {
    if (token.text === '(') depth++;
    if (token.text === ')') depth--;
    if (depth > 0 || token.keywordKind === 0 || token.text.toLowerCase() !== word) continue;
    const inner = parseOne(parsed.bytes.subarray(token.end).toString().trim());
    if (isFault(inner)) return parsed;
    return parsed.kind === 'PrepareStmt' ? inner : { ...inner, text: normalised(inner).text };
  }
  return parsed;
}

function relationsRefuse(parsed: Parsed, known: KnownNames): Classified['notJudged'] {
  const relations = relationsOf(parsed);
  const temporary = relations.find(
    ({ schema, name }) => (schema === null && known.temporary.has(name)) || schema === 'pg_temp' || schema?.startsWith('pg_temp_'),
  );
  if (temporary !== undefined) return { reason: 'temporary-table', detail: `the table ${temporary.name} lives only in its session` };
  if (relations.length === 0) return null;
  if (relations.every(({ schema }) => schema === sourceSchema)) return { reason: 'own-statement', detail: `reads or writes only the schema ${sourceSchema}` };
  const isCatalogue = ({ schema, name }: Relation) =>
    schema === null ? known.isCatalogue(name) : schema === 'pg_catalog' || schema === 'information_schema' || schema === 'pg_toast';
  return relations.every(isCatalogue) ? { reason: 'catalogue-only', detail: 'reads only PostgreSQL’s own catalogues' } : null;
}

export interface Relation {
  /** null: not written. */
  readonly schema: string | null;
  readonly name: string;
  readonly node: Tree;
}

/** Tables and views that a statement names; names of its own WITH queries left out. */
export function relationsOf(parsed: Parsed): readonly Relation[] {
  const found: Relation[] = [];
  const root = { kind: parsed.kind, node: parsed.root };
  visit(root, ({ kind, node, above }) => {
    if (kind !== 'RangeVar' || typeof node.relname !== 'string') return;
    const schema = typeof node.schemaname === 'string' ? node.schemaname : null;
    if (schema === null && above.some((outer) => withNames(outer.node).includes(node.relname as string))) return;
    found.push({ schema, name: node.relname, node });
  });
  return found;
}

/** Names that the WITH of a statement gives. */
export function withNames(statement: Tree): readonly string[] {
  const list = (statement.withClause as { ctes?: unknown[] } | undefined)?.ctes ?? [];
  return list.flatMap((one) => {
    const name = tagged(one)?.node.ctename;
    return typeof name === 'string' ? [name] : [];
  });
}
