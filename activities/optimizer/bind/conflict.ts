/**
 * `on conflict (coalesce(a, $1)) where state < $2`: PostgreSQL looks for a unique index of exactly these constants, so only the index's own will do.
 */
import type pg from 'pg';
import { canonical, leaves, shape } from './likeness.ts';
import type { LabCatalogue } from './statistics.ts';
import { isFault, type Parsed, parseOne, type Tree, tagged, visit } from './tree.ts';

/** By parameter: the constant of the unique index that an ON CONFLICT of the statement means. */
export async function conflictValues(client: pg.Client, parsed: Parsed, catalogue: LabCatalogue): Promise<ReadonlyMap<number, string>> {
  const known = new Map<number, string>();
  for (const { relation, infer } of conflicts(parsed)) {
    const table = catalogue.find(typeof relation.schemaname === 'string' ? relation.schemaname : null, String(relation.relname));
    if (table === null) continue;
    const { rows } = await client.query<{ definition: string }>(indexesSql, [table.schema, table.name]);
    for (const index of rows) match(infer, index.definition, known);
  }
  return known;
}

/** INSERTs of a statement whose ON CONFLICT holds a parameter. */
function conflicts(parsed: Parsed): readonly { relation: Tree; infer: Tree }[] {
  const found: { relation: Tree; infer: Tree }[] = [];
  visit({ kind: parsed.kind, node: parsed.root }, ({ node }) => {
    const infer = (node.onConflictClause as { infer?: Tree } | undefined)?.infer;
    if (infer !== undefined && leaves(infer).some(({ parameter }) => parameter !== null)) found.push({ relation: node.relation as Tree, infer });
  });
  return found;
}

/** An index counts only where all its expressions and its predicate have the shape of what is asked for. */
function match(infer: Tree, definition: string, known: Map<number, string>): void {
  const index = parseOne(definition);
  if (isFault(index)) return;
  const wanted = partsOf(infer.indexElems, infer.whereClause);
  const there = partsOf(index.root.indexParams, index.root.whereClause);
  const pairs = wanted.map(
    (part) => [part, there.find((other) => shape(other) === shape(part) && (leaves(part).length > 0 || canonical(other) === canonical(part)))] as const,
  );
  if (wanted.length !== there.length || pairs.some(([, other]) => other === undefined)) return;
  for (const [part, other] of pairs) {
    const constants = leaves(other);
    for (const [place, { parameter }] of leaves(part).entries()) {
      const value = constants[place]?.value ?? null;
      if (parameter !== null && value !== null) known.set(parameter, value);
    }
  }
}

const partsOf = (elements: unknown, predicate: unknown): readonly unknown[] => [
  ...(Array.isArray(elements) ? elements : []).map((one) => {
    const element = tagged(one)?.node ?? {};
    return uncast(element.expr ?? { column: element.name });
  }),
  ...(predicate === undefined ? [] : [{ predicate: uncast(predicate) }]),
];

/** PostgreSQL writes the type of each constant; a statement does not. */
function uncast(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(uncast);
  const found = tagged(value);
  const inner = found?.kind === 'TypeCast' ? tagged(found.node.arg)?.kind : undefined;
  if (inner === 'A_Const' || inner === 'ParamRef') return found?.node.arg;
  return Object.fromEntries(Object.entries(value).map(([key, below]) => [key, uncast(below)]));
}

const indexesSql = `/* assay optimizer */ select pg_get_indexdef(index.indexrelid) as definition from pg_index as index
  where index.indisunique and (index.indexprs is not null or index.indpred is not null)
    and index.indrelid = (select relation.oid from pg_class as relation join pg_namespace as namespace on namespace.oid = relation.relnamespace
      where namespace.nspname = $1 and relation.relname = $2)`;
