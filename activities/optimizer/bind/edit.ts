/** Changes of a statement's text at places that the parser named. */
import { tokens } from './tree.ts';

/** Bytes from `start` up to `end` give way to `text`. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** All edits at once; none may overlap another. */
export function edited(text: string, edits: readonly Edit[]): string {
  const bytes = Buffer.from(text);
  const parts: string[] = [];
  let from = 0;
  for (const edit of [...edits].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (edit.start < from) throw new Error('two edits overlap');
    parts.push(bytes.subarray(from, edit.start).toString(), edit.text);
    from = edit.end;
  }
  return parts.join('') + bytes.subarray(from).toString();
}

export interface ParameterToken {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

/** Every `$n` of a text, in order. */
export const parameterTokens = (text: string): readonly ParameterToken[] =>
  tokens(text)
    .filter((token) => token.tokenName === 'PARAM')
    .map(({ text: word, start, end }) => ({ number: Number(word.slice(1)), start, end }));

/**
 * Parameters numbered 1, 2, … without gaps, in the order of their old numbers: PREPARE cannot type a parameter that does not occur.
 * `origins[i]` is the old number of parameter i + 1.
 */
export function renumbered(text: string): { text: string; origins: readonly number[] } {
  const found = parameterTokens(text);
  const origins = [...new Set(found.map(({ number }) => number))].sort((a, b) => a - b);
  const edits = found.map(({ number, start, end }) => ({ start, end, text: `$${origins.indexOf(number) + 1}` }));
  return { text: edited(text, edits), origins };
}
