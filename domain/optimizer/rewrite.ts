/** Another text of a statement that gives the same rows: which ways of writing it anew there are, and how they are told. Pure. */
import { hasLineBreak } from './index-sql.ts';
import type { RelationName } from './model.ts';
import type { RewriteChange } from './recommendation.ts';

export const rewriteRules = [
  'cte-inlined',
  'not-in-to-not-exists',
  'count-to-exists',
  'aggregate-joined',
  'bare-date-range',
  'or-to-union',
  'distinct-to-exists',
] as const;
export type RewriteRule = (typeof rewriteRules)[number];

/** What the tables promise, and the equality of both texts rests on: looked at again before anybody takes it over. */
export type RewriteGround =
  | { readonly kind: 'not-null'; readonly table: RelationName; readonly column: string }
  | { readonly kind: 'unique'; readonly table: RelationName; readonly columns: readonly string[] }
  | { readonly kind: 'type'; readonly table: RelationName; readonly column: string; readonly type: string };

/** How the texts were found equal on the lab. */
export interface RewriteProof {
  /** Sets of values that both ran with, in one snapshot. */
  readonly bindings: number;
  /** Rows of all of them together. */
  readonly rows: number;
  /** True: in the same order too, since the statement asks for one. */
  readonly isOrdered: boolean;
  /** Time zones that both ran in, where the result hangs on one; empty: it does not. */
  readonly timeZones: readonly string[];
}

export interface RewriteAdvice {
  readonly statement: string;
  readonly rules: readonly RewriteRule[];
  /** As they ran on the lab: values are `$1`. */
  readonly before: string;
  readonly after: string;
  readonly grounds: readonly RewriteGround[];
  /** Equal only while these parameters are what they always were: in the application's text they are constants, most likely. */
  readonly fixed: readonly { readonly parameter: number; readonly value: string }[];
  readonly proof: RewriteProof;
  /** Every table that it reads. */
  readonly tables: readonly RelationName[];
}

/** What a rule does, for people. */
export const ruleWords: Readonly<Record<RewriteRule, string>> = {
  'cte-inlined': 'a query of WITH is planned as a part of the statement, not computed whole beforehand',
  'not-in-to-not-exists': 'NOT IN (SELECT …) becomes NOT EXISTS, which can be joined: neither side can be null',
  'count-to-exists': 'rows are counted only as far as the comparison needs them',
  'aggregate-joined': 'a sub-query that computes one figure for each row becomes one grouped query that is joined',
  'bare-date-range': 'a condition on the day or another unit of time of a column becomes a range of the bare column, which an index on it can serve',
  'or-to-union': 'an OR over several columns becomes two queries, each with its own access path; the second leaves out what the first gave',
  'distinct-to-exists': 'a join that only filters becomes EXISTS, and makes no duplicates that DISTINCT must remove',
};

/** Sentences for a file, a terminal and a page; texts stay out of them. */
export function sayRewrite({ statement, rules, grounds, fixed, proof }: RewriteAdvice): readonly string[] {
  const rows = `${proof.rows} row(s)${proof.isOrdered ? ', in the same order' : ', as a set with its duplicates: the statement asks for no order'}`;
  const zones = proof.timeZones.length === 0 ? '' : `; also in the time zones ${proof.timeZones.join(', ')}`;
  return [
    `statement ${statement}: change it in the application; Assay never does`,
    ...rules.map((rule) => ruleWords[rule]),
    `equal on the copy: ${proof.bindings} set(s) of values, ${rows}${zones}`,
    ...fixed.map(({ parameter, value }) => `only where $${parameter} is ${value}, as in every call that was seen`),
    ...(grounds.length === 0 ? [] : [`it stays equal only while ${grounds.map(sayGround).join('; ')}`]),
  ];
}

export function sayGround(ground: RewriteGround): string {
  const table = `${ground.table.schema}.${ground.table.relation}`;
  if (ground.kind === 'not-null') return `${table}.${ground.column} is NOT NULL`;
  return ground.kind === 'unique' ? `${ground.columns.join(', ')} of ${table} is unique` : `${table}.${ground.column} is ${ground.type}`;
}

/** As it is proposed. null: it reads no table. */
export function recommendedRewrite(rewrite: RewriteAdvice, because: string): RewriteChange | null {
  const [table] = rewrite.tables;
  if (table === undefined) return null;
  const name = `statement ${rewrite.statement}`;
  return { kind: 'rewrite', name, index: null, table, rewrite, sql: rewriteText(rewrite), undo: '', sizeBytes: 0, buildMs: 0, leaveOneOut: null, because };
}

/** Both texts, for a file that nobody may run: every line has to become a comment. */
const rewriteText = ({ before, after }: Pick<RewriteAdvice, 'before' | 'after'>): string =>
  ['before:', ...linesOf(before), 'after:', ...linesOf(after)].join('\n');

const linesOf = (text: string): readonly string[] => (hasLineBreak(text) ? text.split(/\r\n|\n|\r/) : [text]).map((line) => `  ${line}`);
