/** What a rule is: a statement's tree in, another tree out, or nothing where it cannot be sure. Pure. */
import type { SelectStmt } from 'libpg-query';
import type { PlanNode } from '../../../../domain/optimizer/plan.ts';
import type { RewriteGround, RewriteRule } from '../../../../domain/optimizer/rewrite.ts';
import type { Known } from '../known.ts';

export interface Rewritten {
  readonly query: SelectStmt;
  /** What the tables must go on promising. */
  readonly grounds: readonly RewriteGround[];
  /** Parameters that it takes for constants: it is equal for these values only. None but words of the grammar, and 0 and 1. */
  readonly fixed?: ReadonlyMap<number, string>;
  /** What the texts give hangs on the session's time zone: both have to be tried in several. */
  readonly hangsOnTimeZone?: true;
}

export interface Rule {
  readonly name: RewriteRule;
  /** What in the plan of the statement as it is makes it worth a try, for people; null: nothing does. */
  readonly reason: (plan: readonly PlanNode[]) => string | null;
  /** null: nothing in the statement is of its kind. */
  readonly rewrite: (query: SelectStmt, known: Known) => Rewritten | null;
}
