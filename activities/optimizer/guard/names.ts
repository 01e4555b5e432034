/** What a statement names, so that one which a change cannot touch is known as such. The parser must be ready. */
import { isFault, namesOf, parseOne, visit } from '../bind/tree.ts';

/** Last parts of names, lower case where the text had them so; schemas are left out: two tables of one name are both taken for the changed one. */
export interface StatementNames {
  readonly relations: ReadonlySet<string>;
  readonly functions: ReadonlySet<string>;
}

/** null: it is no plain SELECT (a write fires triggers and checks foreign keys elsewhere), or cannot be read. */
export function selectNames(text: string): StatementNames | null {
  const parsed = parseOne(text);
  if (isFault(parsed) || parsed.kind !== 'SelectStmt') return null;
  const relations = new Set<string>();
  const functions = new Set<string>();
  let isPlain = true;
  visit({ kind: parsed.kind, node: parsed.root }, ({ kind, node }) => {
    if (kind === 'RangeVar') relations.add(String(node.relname));
    else if (kind === 'FuncCall') functions.add(namesOf(node.funcname).at(-1) ?? '');
    else if (['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'].includes(kind)) isPlain = false;
  });
  return isPlain ? { relations, functions } : null;
}
