/** The statements of a change as PostgreSQL's own parser reads them: only these kinds are ever carried out on a source. */
import { AssayError } from '../../../domain/errors.ts';
import { quoteName, quoteRelation } from '../../../domain/optimizer/index-sql.ts';
import type { RelationName } from '../../../domain/optimizer/model.ts';
import { isFault, namesOf, type Parsed, parseAll, type Tree } from '../bind/tree.ts';

interface Named {
  /** Without its `;`. */
  readonly text: string;
  /** `"schema"."name"` of what is made, dropped, rebuilt or filled. */
  readonly object: string;
}

export type ChangeStatement =
  | (Named & { readonly kind: 'create-index'; readonly name: RelationName; readonly table: RelationName; readonly isConcurrent: boolean })
  | (Named & { readonly kind: 'attach'; readonly part: string })
  | (Named & { readonly kind: 'drop-index'; readonly name: RelationName; readonly isConcurrent: boolean })
  | (Named & { readonly kind: 'reindex'; readonly name: RelationName })
  | (Named & { readonly kind: 'create-statistics'; readonly name: RelationName; readonly table: RelationName })
  | (Named & { readonly kind: 'drop-statistics'; readonly name: RelationName })
  | (Named & { readonly kind: 'analyze'; readonly table: RelationName })
  | (Named & { readonly kind: 'comment' });

/** In order. Throws refused-by-guard where one is not of these kinds, or names something without its schema. The parser must be ready. */
export function changeStatements(sql: string): readonly ChangeStatement[] {
  const parsed = parseAll(sql);
  if (isFault(parsed)) throw refused(parsed.detail);
  return parsed.map((one) => {
    const read = readers[one.kind]?.(one) ?? null;
    if (read === null) throw refused(`${one.kind} is no statement of a change`);
    return read;
  });
}

const refused = (reason: string) =>
  new AssayError('refused-by-guard', {
    what: 'the SQL of the change',
    reason,
    hint: 'start `assay optimizer run` anew for a recommendation that can be carried out',
  });

const readers: Readonly<Record<string, (parsed: Parsed) => ChangeStatement | null>> = {
  IndexStmt: ({ text: raw, root }) => {
    const table = rangeOf(root.relation);
    const index = root.idxname;
    if (table === null || typeof index !== 'string') return null;
    const name = { schema: table.schema, relation: index };
    return { kind: 'create-index', text: trimmed(raw), object: quoteRelation(name), name, table, isConcurrent: root.concurrent === true };
  },
  AlterTableStmt: ({ text: raw, root }) => {
    const whole = rangeOf(root.relation);
    const [only, ...more] = (root.cmds ?? []) as { AlterTableCmd?: Tree }[];
    const command = only?.AlterTableCmd;
    if (whole === null || root.objtype !== 'OBJECT_INDEX' || more.length > 0 || command?.subtype !== 'AT_AttachPartition') return null;
    const part = rangeOf((command.def as { PartitionCmd?: Tree } | undefined)?.PartitionCmd?.name);
    return part === null ? null : { kind: 'attach', text: trimmed(raw), object: quoteRelation(whole), part: quoteRelation(part) };
  },
  DropStmt: ({ text: raw, root }) => {
    const [only, ...more] = (root.objects ?? []) as { List?: { items?: unknown } }[];
    const name = nameOf(only?.List?.items);
    if (name === null || more.length > 0 || root.behavior !== 'DROP_RESTRICT') return null;
    const text = trimmed(raw);
    if (root.removeType === 'OBJECT_INDEX') return { kind: 'drop-index', text, object: quoteRelation(name), name, isConcurrent: root.concurrent === true };
    return root.removeType === 'OBJECT_STATISTIC_EXT' ? { kind: 'drop-statistics', text, object: quoteRelation(name), name } : null;
  },
  ReindexStmt: ({ text: raw, root }) => {
    const name = rangeOf(root.relation);
    const isConcurrent = ((root.params ?? []) as { DefElem?: { defname?: string } }[]).some(({ DefElem }) => DefElem?.defname === 'concurrently');
    if (name === null || root.kind !== 'REINDEX_OBJECT_INDEX' || !isConcurrent) return null;
    return { kind: 'reindex', text: trimmed(raw), object: quoteRelation(name), name };
  },
  CreateStatsStmt: ({ text: raw, root }) => {
    const name = nameOf(root.defnames);
    const [only, ...more] = (root.relations ?? []) as { RangeVar?: Tree }[];
    const table = rangeOf(only?.RangeVar);
    if (name === null || table === null || more.length > 0) return null;
    return { kind: 'create-statistics', text: trimmed(raw), object: quoteRelation(name), name, table };
  },
  VacuumStmt: ({ text: raw, root }) => {
    const [only, ...more] = (root.rels ?? []) as { VacuumRelation?: { relation?: unknown } }[];
    const table = rangeOf(only?.VacuumRelation?.relation);
    if (table === null || more.length > 0 || root.is_vacuumcmd === true) return null;
    return { kind: 'analyze', text: trimmed(raw), object: quoteRelation(table), table };
  },
  CommentStmt: ({ text: raw, root }) => {
    const name = nameOf((root.object as { List?: { items?: unknown } } | undefined)?.List?.items);
    const isOurs = root.objtype === 'OBJECT_INDEX' || root.objtype === 'OBJECT_STATISTIC_EXT';
    return name === null || !isOurs ? null : { kind: 'comment', text: trimmed(raw), object: quoteRelation(name) };
  },
};

const trimmed = (text: string): string => text.trim();

/** null: without a schema, or not there. */
function rangeOf(range: unknown): RelationName | null {
  const { schemaname: schema, relname: relation, catalogname } = (range ?? {}) as { schemaname?: string; relname?: string; catalogname?: string };
  return schema === undefined || relation === undefined || catalogname !== undefined ? null : { schema, relation };
}

function nameOf(list: unknown): RelationName | null {
  const [schema, relation, ...more] = namesOf(list);
  return schema === undefined || relation === undefined || more.length > 0 ? null : { schema, relation };
}

/** Takes an index away without making anybody wait; the whole of a partitioned one cannot go so. */
export const dropIndexSql = ({ schema, relation }: RelationName, isConcurrent: boolean): string =>
  `DROP INDEX${isConcurrent ? ' CONCURRENTLY' : ''} IF EXISTS ${quoteName(schema)}.${quoteName(relation)}`;
