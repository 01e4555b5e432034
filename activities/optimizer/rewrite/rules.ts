/** All rules, in the order in which they are tried on a statement. */
import { aggregateJoined } from './rules/aggregate-joined.ts';
import { bareDateRange } from './rules/bare-date-range.ts';
import { countToExists } from './rules/count-to-exists.ts';
import { cteInlined } from './rules/cte-inlined.ts';
import { distinctToExists } from './rules/distinct-to-exists.ts';
import { groupedBeforeJoin } from './rules/grouped-before-join.ts';
import { groupedInTwoSteps } from './rules/grouped-in-two-steps.ts';
import { notIn } from './rules/not-in.ts';
import { orToUnion } from './rules/or-to-union.ts';
import type { Rule } from './rules/rule.ts';

/** Counts before other figures of a sub-query; what takes a whole SELECT apart comes last. */
export const rules: readonly Rule[] = [
  cteInlined,
  notIn,
  countToExists,
  aggregateJoined,
  bareDateRange,
  distinctToExists,
  groupedBeforeJoin,
  groupedInTwoSteps,
  orToUnion,
];
