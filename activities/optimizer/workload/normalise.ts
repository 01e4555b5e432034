/** Constants of a statement as parameters, the way pg_stat_statements writes them, and what stood there. */
import type { ScanToken } from 'libpg-query';
import type { CapturedValues } from '../bind/bind.ts';
import { type Edit, edited, parameterTokens } from '../bind/edit.ts';
import { locationOf, type Parsed, type Tree, tokens, visit } from '../bind/tree.ts';

export interface Normalised {
  /** `$n` in place of constants; TRUE, FALSE, NULL, bit strings and places of GROUP BY and ORDER BY stay. */
  readonly text: string;
  /** Highest number of the text's own parameters; its constants count on from there. */
  readonly ownParameters: number;
  readonly constants: CapturedValues;
}

interface Constant {
  readonly start: number;
  readonly end: number;
  readonly value: string;
  readonly type: string | null;
}

export function normalised(parsed: Parsed): Normalised {
  const ownParameters = Math.max(0, ...parameterTokens(parsed.text).map(({ number }) => number));
  const constants = constantsOf(parsed);
  const edits = constants.map(({ start, end }, index): Edit => ({ start, end, text: `$${ownParameters + index + 1}` }));
  const captured = { values: constants.map(({ value }) => value), types: constants.map(({ type }) => type) };
  return { text: edited(parsed.text, edits).trim(), ownParameters, constants: captured };
}

/** In the order of the text. */
function constantsOf(parsed: Parsed): readonly Constant[] {
  const words = tokens(parsed.text).filter(({ tokenName }) => tokenName !== 'SQL_COMMENT' && tokenName !== 'C_COMMENT');
  const byStart = new Map(words.map((word, index) => [word.start, index]));
  const found = new Map<number, Constant>();
  visit({ kind: parsed.kind, node: parsed.root }, ({ kind, node, above }) => {
    // lengths of types are part of the type
    if (kind === 'TypeName') return false;
    const start = locationOf(node);
    if (kind !== 'A_Const' || start === null || isPlace(node, above)) return true;
    const constant = constantAt(words, byStart.get(start), node);
    if (constant !== null) found.set(start, constant);
    return true;
  });
  return [...found.values()].sort((a, b) => a.start - b.start);
}

/** `group by 1`, `order by 2`: not a value. */
function isPlace(node: Tree, above: readonly { readonly kind: string; readonly node: Tree }[]): boolean {
  const parent = above.at(-1);
  if (node.ival === undefined || parent === undefined) return false;
  if (parent.kind === 'SortBy') return true;
  return (
    parent.kind === 'SelectStmt' &&
    [parent.node.groupClause, parent.node.distinctClause].flat().some((one) => (one as { A_Const?: Tree } | undefined)?.A_Const === node)
  );
}

function constantAt(words: readonly ScanToken[], index: number | undefined, node: Tree): Constant | null {
  if (index === undefined) return null;
  const sign = words[index]?.text === '-' ? 1 : 0;
  const word = words[index + sign];
  // a field of EXTRACT is a constant of the tree and a word of the text
  if (word === undefined || !['SCONST', 'ICONST', 'FCONST', 'USCONST'].includes(word.tokenName)) return null;
  const start = (words[index] as ScanToken).start;
  const at = { start, end: word.end };
  if (node.sval !== undefined) return { ...at, value: (node.sval as { sval?: string }).sval ?? '', type: null };
  if (node.ival !== undefined) return { ...at, value: String((node.ival as { ival?: number }).ival ?? 0), type: 'integer' };
  const digits = (node.fval as { fval?: string } | undefined)?.fval;
  if (digits === undefined) return null;
  return { ...at, value: digits, type: /^-?\d{1,18}$/.test(digits) ? 'bigint' : 'numeric' };
}
