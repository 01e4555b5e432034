/** Rules applied to one SELECT, one after the other. */
import type { SelectStmt } from 'libpg-query';
import type { RewriteGround, RewriteRule } from '../../../domain/optimizer/rewrite.ts';
import type { Known } from './known.ts';
import { textOf } from './query-text.ts';
import type { Rewritten, Rule } from './rules/rule.ts';

export interface RewriteCandidate {
  readonly rules: readonly RewriteRule[];
  /** What in the plan spoke for it, for people. */
  readonly reasons: readonly string[];
  readonly text: string;
  readonly grounds: readonly RewriteGround[];
  readonly hangsOnTimeZone: boolean;
  /** Values of parameters for which alone the texts are equal, by number. */
  readonly fixed: ReadonlyMap<number, string>;
  /** Of a statement that writes: what is hashed instead of the text. */
  readonly writes?: WriteTexts;
}

/** What a statement that writes does, as texts that say it. */
export interface WriteTexts {
  /** A SELECT of the rows that it changes, with their place in the table. */
  readonly chosen: string;
  /** The statement itself, which gives each row as it has left it. */
  readonly changed: string;
}

/** With what else it rests on. */
export const restingOn = (candidate: RewriteCandidate, grounds: readonly RewriteGround[]): RewriteCandidate => ({
  ...candidate,
  grounds: distinct([...candidate.grounds, ...grounds]),
});

const distinct = (grounds: readonly RewriteGround[]): readonly RewriteGround[] => [
  ...new Map(grounds.map((ground) => [JSON.stringify(ground), ground])).values(),
];

export interface Spoken {
  readonly rule: Rule;
  readonly reason: string;
}

export interface Applied extends Omit<RewriteCandidate, 'text' | 'writes'> {
  readonly query: SelectStmt;
}

/** Each sees what the one before it made. null: none made anything. */
export function applied(spoken: readonly Spoken[], query: SelectStmt, known: Known): Applied | null {
  const done: { readonly spoken: Spoken; readonly rewritten: Rewritten }[] = [];
  let changed = query;
  for (const each of spoken) {
    const rewritten = each.rule.rewrite(changed, known);
    if (rewritten === null) continue;
    changed = rewritten.query;
    done.push({ spoken: each, rewritten });
  }
  if (done.length === 0) return null;
  return {
    query: changed,
    rules: done.map(({ spoken: { rule } }) => rule.name),
    reasons: done.map(({ spoken: { reason } }) => reason),
    grounds: distinct(done.flatMap(({ rewritten }) => rewritten.grounds)),
    hangsOnTimeZone: done.some(({ rewritten }) => rewritten.hangsOnTimeZone === true),
    fixed: new Map(done.flatMap(({ rewritten }) => [...(rewritten.fixed ?? [])])),
  };
}

/** null: none made anything that can be written. */
export function candidate(spoken: readonly Spoken[], query: SelectStmt, known: Known): RewriteCandidate | null {
  const made = applied(spoken, query, known);
  if (made === null) return null;
  const { query: changed, ...about } = made;
  const text = textOf(changed);
  return text === null ? null : { ...about, text };
}
