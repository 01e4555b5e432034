/** Tables without borders: they can be read, and cut with `awk`. */
import Table from 'cli-table3';
import { type Paint, plain } from './paint.ts';

const parts = [
  'top',
  'top-mid',
  'top-left',
  'top-right',
  'bottom',
  'bottom-mid',
  'bottom-left',
  'bottom-right',
  'left',
  'left-mid',
  'mid',
  'mid-mid',
  'right',
  'right-mid',
] as const;
const noBorders = Object.fromEntries(parts.map((part) => [part, '']));

/** Cells may be painted already; anything else is made harmless by `cell`. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], paint: Paint): string {
  const grid = new Table({
    head: head.map((each) => paint.dim(each)),
    chars: { ...noBorders, middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) grid.push([...row]);
  return trimmed(grid.toString());
}

/** `name  value` lines, names in one column. */
export function facts(rows: readonly (readonly [string, string])[], paint: Paint): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${paint.dim(name.padEnd(width))}  ${value}`).join('\n');
}

export const cell = plain;

const trimmed = (text: string) => text.replace(/[ \t]+$/gm, '');
