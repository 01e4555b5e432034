/** Expressions written as SQL, with places for what a statement brings. */
import type { Node } from 'libpg-query';
import { isFault, parseOne } from '../../bind/tree.ts';
import { mapExpression } from '../walk.ts';

/** `text` is SQL of ours; a column of a place's name stands for its node. The parser must be ready. */
export function written(text: string, places: Readonly<Record<string, Node>>): Node {
  const parsed = parseOne(`select ${text}`);
  const root = isFault(parsed) ? null : (parsed.root as { readonly targetList?: readonly Node[] });
  const [only] = root?.targetList ?? [];
  if (only === undefined || !('ResTarget' in only) || only.ResTarget.val === undefined) throw new TypeError(`no expression: ${text}`);
  return mapExpression(only.ResTarget.val, (node) => {
    const [field, ...more] = 'ColumnRef' in node ? (node.ColumnRef.fields ?? []) : [];
    return more.length === 0 && field !== undefined && 'String' in field ? (places[field.String.sval ?? ''] ?? null) : null;
  });
}
