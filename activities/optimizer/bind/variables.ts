/** Statements of functions are counted with the function's variables in their text: to PREPARE these are columns that nobody has. */
import { type Draft, redrafted } from './draft.ts';
import { isFault, locationOf, namesOf, parseOne, tokens, visit } from './tree.ts';

/** The draft with the name at a byte offset (`wanted`, `new.id`) as a parameter; null where no such name stands there. */
export function variableAt(draft: Draft, offset: number): Draft | null {
  const parsed = parseOne(draft.text);
  if (isFault(parsed)) return null;
  let parts = 0;
  visit({ kind: parsed.kind, node: parsed.root }, ({ kind, node }) => {
    if (kind === 'ColumnRef' && locationOf(node) === offset) parts = namesOf(node.fields).length;
  });
  const words = tokens(draft.text);
  const first = words.findIndex(({ start }) => start === offset);
  // a name of n parts has a dot between each two
  const last = words[first + 2 * parts - 2];
  if (parts === 0 || first < 0 || last === undefined) return null;
  return redrafted(draft, [{ start: offset, end: last.end, text: `$${draft.origins.length + 1}` }]);
}
