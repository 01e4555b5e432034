/** Names as they stand in a statement's text: quoted only where they would mean something else without. */
import type { Node } from 'libpg-query';
import { ident } from '../../pg.ts';
import { tokens } from '../bind/tree.ts';

/** What cannot be written; PostgreSQL's parser takes no text that holds it. */
export const UNKNOWN = '\0';

/** A String node. The parser must be ready. */
export function nameText(node: Node): string {
  const name = 'String' in node ? (node.String.sval ?? '') : UNKNOWN;
  return isPlain(name) ? name : ident(name);
}

/** `schema.name`. */
export const namesText = (names: readonly Node[] | undefined): string => (names === undefined || names.length === 0 ? UNKNOWN : names.map(nameText).join('.'));

/** The scanner reads it as one word, which is no word of the grammar and is not folded. */
function isPlain(name: string): boolean {
  if (!/^[a-z_][a-z0-9_]*$/.test(name)) return false;
  const [word, ...more] = tokens(name);
  return word !== undefined && more.length === 0 && (word.keywordName === 'NO_KEYWORD' || word.keywordName === 'UNRESERVED_KEYWORD');
}
