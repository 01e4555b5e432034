/** A statement as a client sent it, taken apart: the text without its constants, by which it is known again, and the values. */
import { createHash } from 'node:crypto';
import type { NotJudged, StatementKind } from '../../../domain/optimizer/model.ts';
import type { CapturedValues } from '../bind/bind.ts';
import { isFault, parseOne, tokens } from '../bind/tree.ts';
import { classify, type KnownNames } from './classify.ts';
import { type Normalised, normalised } from './normalise.ts';

export interface SentStatement {
  readonly text: string;
  /** 0: unknown. */
  readonly ms: number;
  /** Of `$1`, `$2`, …; null: none are given. */
  readonly values: readonly (string | null)[] | null;
  /** null: unknown. */
  readonly database: string | null;
  /** Who logged in to send it; null or missing: unknown. */
  readonly role?: string | null;
  /** PostgreSQL's queryid; null: unknown. */
  readonly queryId: string | null;
}

export type TakenApart =
  | { readonly kind: StatementKind; readonly notJudged: null; readonly normal: Normalised }
  | { readonly notJudged: Omit<NotJudged, 'statement'> | null; readonly text: string; readonly normal: null };

/** `parserReady()` must have been awaited. */
export function takenApart(text: string, temporary: KnownNames['temporary'] = new Set()): TakenApart {
  const { text: own, kind, notJudged } = classify(text, { isCatalogue: (name) => name.startsWith('pg_'), temporary });
  const parsed = parseOne(own);
  if (notJudged !== null || isFault(parsed)) return { notJudged, text: own, normal: null };
  return { kind, notJudged: null, normal: normalised(parsed) };
}

/** All values by the parameters' numbers in the normal text; null where there are none to be had: parameters whose values nobody tells leave the others without use. */
export function valuesSent({ ownParameters, constants }: Normalised, sent: SentStatement['values']): CapturedValues | null {
  const own = sent ?? [];
  if (own.length !== ownParameters || own.length + constants.values.length === 0) return null;
  return { values: [...own, ...constants.values], types: [...own.map(() => null), ...constants.types] };
}

/**
 * Digest of a normal text's words: equal for texts that differ only in spaces, comments, and upper and lower case that PostgreSQL does not tell apart,
 * and whose parameters have the same numbers. Holds nothing of a value.
 */
export function shapeOf(normalText: string): string {
  const words = tokens(normalText)
    .filter(({ tokenName }) => tokenName !== 'SQL_COMMENT' && tokenName !== 'C_COMMENT')
    .map(({ text }) => (/^["']|^[UuEeBbXx]&?['"]/.test(text) ? text : text.toLowerCase()));
  while (words.at(-1) === ';') words.pop();
  return createHash('sha256').update(JSON.stringify(words)).digest('hex').slice(0, 32);
}
