/** Forms that pg_stat_statements writes and PostgreSQL's grammar refuses, or reads as something else than what ran. */
import type { ScanToken } from 'libpg-query';
import { type Draft, redrafted } from './draft.ts';
import type { Edit } from './edit.ts';
import { canonical } from './likeness.ts';
import { isFault, locationOf, namesOf, type Parsed, parseOne, type Tree, tagged, tokens, visit } from './tree.ts';

/** `interval $1` → `($1::interval)`, `extract($1 from x)` → a field, a squashed list → three elements. A text that does not parse stays as it is. */
export function acceptable(draft: Draft): Draft {
  const parsed = parseOne(draft.text);
  if (isFault(parsed)) return draft;
  const words = tokens(draft.text);
  return redrafted(draft, [...typedLiterals(parsed, words), ...extractFields(parsed, words), ...substringPlaces(parsed, words), ...squashedLists(words)]);
}

const rootOf = (parsed: Parsed) => ({ kind: parsed.kind, node: parsed.root });

const parameterAt = (value: unknown): number | null => {
  const found = tagged(value);
  return found?.kind === 'ParamRef' ? locationOf(found.node) : null;
};

const tokenAt = (words: readonly ScanToken[], start: number | null) => words.findIndex((word) => word.start === start);

/** `date $1`, `interval $1 day to second(3)`, `point $1`: the grammar wants a string there. */
function typedLiterals(parsed: Parsed, words: readonly ScanToken[]): Edit[] {
  const edits: Edit[] = [];
  visit(rootOf(parsed), ({ kind, node }) => {
    const start = locationOf((node.typeName ?? {}) as Tree);
    const parameter = parameterAt(node.arg);
    // only the form without `::` or CAST has no place of its own
    if (kind !== 'TypeCast' || locationOf(node) !== null || start === null || parameter === null || start >= parameter) return;
    const at = tokenAt(words, parameter);
    const word = words[at];
    if (word === undefined) return;
    const last = lastField(words, at);
    const type = parsed.bytes.subarray(start, parameter).toString().trim();
    const fields = parsed.bytes.subarray(word.end, last).toString();
    edits.push({ start, end: last, text: `(${word.text}::${type}${fields})` });
  });
  return edits;
}

const intervalFields = new Set(['year', 'month', 'day', 'hour', 'minute', 'second', 'to']);

/** End of the `day to second(3)` after a parameter. */
function lastField(words: readonly ScanToken[], parameter: number): number {
  let at = parameter;
  while (intervalFields.has(words[at + 1]?.text.toLowerCase() ?? '')) at++;
  if (at > parameter && words[at]?.text.toLowerCase() === 'second' && words[at + 1]?.text === '(') at += 3;
  return (words[at] as ScanToken).end;
}

/** A field is a word of the grammar; where the same expression still stands elsewhere, it says which one. */
function extractFields(parsed: Parsed, words: readonly ScanToken[]): Edit[] {
  const extracts: (readonly unknown[])[] = [];
  visit(rootOf(parsed), ({ kind, node }) => {
    if (kind === 'FuncCall' && node.funcformat === 'COERCE_SQL_SYNTAX' && namesOf(node.funcname).at(-1) === 'extract') extracts.push(node.args as unknown[]);
  });
  const fieldOf = (args: readonly unknown[]) => (tagged(args[0])?.node.sval as { sval?: string } | undefined)?.sval;
  return extracts.flatMap((args) => {
    const word = words[tokenAt(words, parameterAt(args[0]))];
    if (word === undefined) return [];
    const twin = extracts.find((other) => fieldOf(other) !== undefined && canonical(other[1]) === canonical(args[1]));
    return [{ start: word.start, end: word.end, text: (twin && fieldOf(twin)) ?? 'epoch' }];
  });
}

/** Of substring(text, unknown, unknown) PostgreSQL takes the one for regular expressions. */
function substringPlaces(parsed: Parsed, words: readonly ScanToken[]): Edit[] {
  const edits: Edit[] = [];
  visit(rootOf(parsed), ({ kind, node }) => {
    const args = Array.isArray(node.args) ? node.args : [];
    if (kind !== 'FuncCall' || namesOf(node.funcname).at(-1) !== 'substring' || args.length !== 3) return;
    for (const arg of args.slice(1)) {
      const word = words[tokenAt(words, parameterAt(arg))];
      if (word !== undefined) edits.push({ start: word.start, end: word.end, text: `(${word.text}::integer)` });
    }
  });
  return edits;
}

/** PostgreSQL 18 writes a list of constants as its first one: with three it is planned as a list. */
function squashedLists(words: readonly ScanToken[]): Edit[] {
  let next = Math.max(0, ...words.filter(({ tokenName }) => tokenName === 'PARAM').map(({ text }) => Number(text.slice(1))));
  return words.flatMap((word, index) =>
    word.text === '/*, ... */' && words[index - 1]?.tokenName === 'PARAM' ? [{ start: word.start, end: word.end, text: `, $${++next}, $${++next}` }] : [],
  );
}
