/** Colours, where the terminal wants them; the words alone say the same. */
import type { Terminal } from './terminal.ts';

export interface Paint {
  good(text: string): string;
  bad(text: string): string;
  doubt(text: string): string;
  dim(text: string): string;
  strong(text: string): string;
  /** Width of the terminal. */
  readonly columns: number;
  readonly zone: string;
  readonly now: Date;
}

const CODES = { good: 32, bad: 31, doubt: 33, dim: 2, strong: 1 } as const;

export function paintFor({ color, columns, zone, now }: Pick<Terminal, 'color' | 'columns' | 'zone' | 'now'>): Paint {
  const style = (code: number) => (text: string) => (color && text !== '' ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    good: style(CODES.good),
    bad: style(CODES.bad),
    doubt: style(CODES.doubt),
    dim: style(CODES.dim),
    strong: style(CODES.strong),
    columns,
    zone,
    now: now(),
  };
}

/** Control characters of a name found in a database or a repository must not steer the terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
export const plain = (text: string): string => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '�');
