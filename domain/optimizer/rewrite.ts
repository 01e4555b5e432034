/** Another text of a statement that gives the same rows: which ways of writing it anew there are, and how they are told. Pure. */
import { percent, size } from './finding-words.ts';
import { hasLineBreak } from './index-sql.ts';
import type { IndexDefinition, RelationName } from './model.ts';
import type { RewriteChange } from './recommendation.ts';
import type { Interval } from './statistics.ts';

export const rewriteRules = [
  'cte-inlined',
  'not-in-to-not-exists',
  'count-to-exists',
  'aggregate-joined',
  'bare-date-range',
  'or-to-union',
  'distinct-to-exists',
  'grouped-before-join',
  'grouped-in-two-steps',
] as const;
export type RewriteRule = (typeof rewriteRules)[number];

/** What the tables promise, and the equality of both texts rests on: looked at again before anybody takes it over. */
export type RewriteGround =
  | { readonly kind: 'not-null'; readonly table: RelationName; readonly column: string }
  | { readonly kind: 'unique'; readonly table: RelationName; readonly columns: readonly string[] }
  | { readonly kind: 'type'; readonly table: RelationName; readonly column: string; readonly type: string }
  /** A view that is written out: MD5 of its definition, every name with its schema. */
  | { readonly kind: 'view'; readonly table: RelationName; readonly digest: string };

/** How the texts were found equal on the lab. */
export interface RewriteProof {
  /** Sets of values that both ran with, in one snapshot. */
  readonly bindings: number;
  /** Rows of all of them together. */
  readonly rows: number;
  /** True: in the same order too, since the statement asks for one. */
  readonly isOrdered: boolean;
  /** ORDER BY may leave rows equal: those come in any order, today as tomorrow. Missing: it does not. */
  readonly mayTie?: true;
  /** Time zones that both ran in, where the result hangs on one; empty: it does not. */
  readonly timeZones: readonly string[];
  /** The rows are those that both texts change, each to the same. */
  readonly isOfWrites?: true;
}

/** An index without which the other text is not worth it: made before the application sends that. */
export interface RewriteIndex {
  readonly index: IndexDefinition;
  readonly name: string;
  readonly sql: string;
  readonly undo: string;
  readonly sizeBytes: number;
  readonly buildMs: number;
}

/** An index of the same run that the statement does not use any more. */
export interface UselessIndex {
  readonly name: string;
  /** No other statement that was looked at uses it either. */
  readonly isOnly: boolean;
}

/** Somebody has to change an application for it: less is not worth their time, and with few pairs noise looks like that too. */
export const WORTH_WRITING = 0.9;

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
  /** To be made with it; missing: none. */
  readonly indexes?: readonly RewriteIndex[];
  /** Of before, side by side; of an advice with indexes. `textAlone` null: it was not measured. */
  readonly measured?: { readonly both: Interval; readonly indexesAlone: Interval; readonly textAlone: Interval | null };
  /** Of the statement as it is, where all indexes are there that the run recommends; missing: they do not change it. */
  readonly beside?: Interval;
  readonly useless?: readonly UselessIndex[];
  /** As PostgreSQL takes the parameters of both texts; missing in advice of earlier versions. */
  readonly parameterTypes?: readonly string[];
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
  'grouped-before-join': 'rows are grouped before they are joined, so that groups are joined instead of rows',
  'grouped-in-two-steps': 'rows are grouped by what takes few values first: what is computed of those is computed once for each such group, not for each row',
};

/** Sentences for a file, a terminal and a page; texts stay out of them. */
export function sayRewrite(advice: RewriteAdvice): readonly string[] {
  const { statement, rules, grounds, fixed, proof, parameterTypes = [] } = advice;
  const rows = proof.isOfWrites
    ? `${proof.rows} row(s) changed or inserted, the same ones with the same values${proof.isOrdered ? ', in the same order' : ''}, and rolled back`
    : `${proof.rows} row(s)${proof.isOrdered ? `, in the same order${proof.mayTie ? ' on the copy: rows that ORDER BY leaves equal may come in another one' : ''}` : ', as a set with its duplicates: the statement asks for no order'}`;
  const zones = proof.timeZones.length === 0 ? '' : `; also in the time zones ${proof.timeZones.join(', ')}`;
  return [
    `statement ${statement}: change it in the application; Assay never does`,
    ...rules.map((rule) => ruleWords[rule]),
    `equal on the copy: ${proof.bindings} set(s) of values, ${rows}${zones}`,
    ...fixed.map(({ parameter, value }) => `only where $${parameter} is ${value}, as in every call that was seen`),
    ...(parameterTypes.length === 0
      ? []
      : [`equal for parameters of the types that PostgreSQL takes them for: ${parameterTypes.map((type, place) => `$${place + 1} ${type}`).join(', ')}`]),
    ...(grounds.length === 0 ? [] : [`it stays equal only while ${grounds.map(sayGround).join('; ')}`]),
    ...sayIndexes(advice),
  ];
}

function sayIndexes({ indexes = [], measured, beside, useless = [] }: RewriteAdvice): readonly string[] {
  const bytes = indexes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const alone = measured?.textAlone == null ? '' : `, the text alone ${left(measured.textAlone)}`;
  return [
    ...(indexes.length === 0
      ? []
      : [`it needs ${indexes.length} index(es), ${size(bytes)}, which is not Assay's to make: make them first, then change the text`]),
    ...(measured === undefined
      ? []
      : [`time left of before: text and indexes together ${left(measured.both)}, indexes alone ${left(measured.indexesAlone)}${alone}`]),
    ...(beside === undefined ? [] : [`where the indexes are there that the same run recommends, it takes ${left(beside)} of the time`]),
    ...useless.map(
      ({ name, isOnly }) =>
        `with this text the statement does not use ${name} any more, which the same run recommends${isOnly ? '; no other statement that was looked at uses it: take one of both' : ''}`,
    ),
  ];
}

const left = ({ ratio, low, high }: Interval): string => `${percent(ratio)} % (${percent(low)}–${percent(high)})`;

export function sayGround(ground: RewriteGround): string {
  const table = `${ground.table.schema}.${ground.table.relation}`;
  if (ground.kind === 'view') return `the view ${table} is as it was, whose query the text has written out, and whoever sends it may read its tables`;
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
const rewriteText = ({ before, after, indexes = [] }: Pick<RewriteAdvice, 'before' | 'after' | 'indexes'>): string => {
  const made = indexes.flatMap(({ sql }) => linesOf(sql));
  return ['before:', ...linesOf(before), 'after:', ...linesOf(after), ...(made.length === 0 ? [] : ['indexes, before that:', ...made])].join('\n');
};

const linesOf = (text: string): readonly string[] => (hasLineBreak(text) ? text.split(/\r\n|\n|\r/) : [text]).map((line) => `  ${line}`);
