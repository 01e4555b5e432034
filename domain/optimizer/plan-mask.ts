/**
 * A plan without the values it was planned with. A custom plan prints its parameters into conditions (`(email = 'a@b.c'::text)`), and
 * values of users must not reach a report, a log or a history. Everything that is not known to be a name or a word of PostgreSQL is masked.
 */
import type { Explained, PlanNode } from './plan.ts';

/** Texts that hold names of objects or PostgreSQL's own words, never a value. */
const NAMES: ReadonlySet<string> = new Set([
  'Node Type',
  'Parent Relationship',
  'Subplan Name',
  'Strategy',
  'Partial Mode',
  'Join Type',
  'Scan Direction',
  'Operation',
  'Command',
  'Relation Name',
  'Schema',
  'Alias',
  'Index Name',
  'CTE Name',
  'Tuplestore Name',
  'Function Name',
  'Table Function Name',
  'Custom Plan Provider',
  'Sampling Method',
  'Sort Method',
  'Sort Methods Used',
  'Sort Space Type',
  'Cache Mode',
  'Conflict Resolution',
  'Conflict Arbiter Indexes',
  'Storage',
  'Trigger Name',
  'Constraint Name',
  'Relation',
]);

/** The same plan, every constant of its expressions as `?`. Idempotent. */
export const withoutValues = (plan: Explained): Explained => ({ ...plan, root: maskNode(plan.root), fields: maskFields(plan.fields) });

function maskNode(node: PlanNode): PlanNode {
  return {
    ...node,
    expressions: node.expressions.map(({ name, text }) => ({ name, text: maskConstants(text) })),
    fields: maskFields(node.fields),
    children: node.children.map(maskNode),
  };
}

/** Planner settings stay: their values are the server's, not a user's. */
const maskFields = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, NAMES.has(name) || name === 'Settings' ? value : maskDeep(value)]));

function maskDeep(value: unknown): unknown {
  if (typeof value === 'string') return maskConstants(value);
  if (Array.isArray(value)) return value.map(maskDeep);
  return typeof value === 'object' && value !== null ? maskFields(value as Readonly<Record<string, unknown>>) : value;
}

/**
 * Text of an expression as PostgreSQL prints it, with `?` for each constant: strings, bit strings, numbers that stand alone.
 * What it prints is regular (ruleutils.c): quotes are doubled, backslashes only in E'…', names quoted by `"`.
 */
export function maskConstants(text: string): string {
  return text.replace(TOKENS, (token) => (isKept(token) ? token : '?'));
}

/** A string up to its closing quote or, cut off, the end; a quoted name; a word, a parameter or a subplan's name with its digits; a number. */
const TOKENS =
  /[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|(?:InitPlan|SubPlan|CTE|exists) \d+|\$\d+|[\p{L}_][\p{L}\p{N}_$]*|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?/gu;

const isKept = (token: string): boolean => !/^(?:[\d.]|[eEbBxXnN]?'|[uU]&')/.test(token);
