/** All rules, in the order in which they are tried on a statement. */
import { aggregateJoined } from './rules/aggregate-joined.ts';
import { cteInlined } from './rules/cte-inlined.ts';
import { notIn } from './rules/not-in.ts';
import type { Rule } from './rules/rule.ts';

export const rules: readonly Rule[] = [cteInlined, notIn, aggregateJoined];
