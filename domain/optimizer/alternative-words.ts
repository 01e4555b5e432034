/** Alternatives for one statement, in words that a terminal, a page and a file say alike. Pure. */
import type { Alternatives, Way } from './alternatives.ts';
import { wayWords } from './alternatives.ts';
import { percent, size } from './finding-words.ts';

export interface WayRow {
  readonly isPreferred: boolean;
  readonly way: string;
  /** `31.2 % (29.8–33.0)`. */
  readonly left: string;
  readonly cost: string;
  readonly writes: string;
  /** Recommended, by what; or beside what it adds nothing. */
  readonly standing: string;
  readonly what: readonly string[];
}

export const wayRows = ({ ways, preferred }: Alternatives): readonly WayRow[] =>
  ways.map((way, place) => ({
    isPreferred: place === preferred,
    way: wayWords[way.kind],
    left: `${percent(way.left.ratio)} % (${percent(way.left.low)}–${percent(way.left.high)})`,
    cost: costWords(way),
    writes: writeWords(way),
    standing: standingOf(way),
    what: way.what,
  }));

function costWords({ kind, sizeBytes, memoryBytes }: Way): string {
  if (kind === 'indexes' || sizeBytes > 0) return size(sizeBytes);
  if (memoryBytes > 0) return `up to ${size(memoryBytes)} of memory an execution`;
  return kind === 'statistics' ? 'next to none' : 'none but the change';
}

function writeWords({ kind, sizeBytes, writes: { statements, slowest } }: Way): string {
  if (kind === 'rewrite' && sizeBytes > 0) return 'none too slow';
  if (kind !== 'indexes') return 'none';
  if (slowest !== null) return `${slowest.toFixed(2)} × the time at most`;
  return statements === 0 ? 'none ran' : `none of ${statements} slower`;
}

function standingOf({ recommendation, beside }: Way): string {
  const added = beside === undefined ? '' : `, ${percent(beside.ratio)} % left of the rest`;
  if (recommendation !== null) return `recommended: ${recommendation}${beside === undefined ? '' : `; beside the others too${added}`}`;
  return `not recommended by itself${beside === undefined ? '' : `: beside the others it adds nothing${added}`}`;
}
