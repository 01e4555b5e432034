/** Costs under hypothetical indexes, less of their gain where measuring showed before that so much is not there. */
import { type Discount, discounted } from '../../../domain/optimizer/accuracy.ts';
import type { Bound } from '../../../domain/optimizer/model.ts';
import { type ChangedPlan, shapeOfChange } from '../../../domain/optimizer/plan-change.ts';

export interface LearnedCosts {
  /** The plan of one of the statement's bindings (by its place) without any index. */
  noteBase(bound: Bound, binding: number, plan: ChangedPlan): void;
  /** `cost` is that of `plan` under indexes. As it is where the base was never noted. */
  costOf(bound: Bound, binding: number, planned: { readonly plan: ChangedPlan; readonly cost: number }): number;
}

export function learnedCosts(discount: Discount): LearnedCosts {
  const bases = new Map<string, ChangedPlan>();
  const keyOf = ({ statement }: Bound, binding: number) => `${binding} ${statement.id}`;
  return {
    noteBase: (bound, binding, plan) => void bases.set(keyOf(bound, binding), plan),
    costOf: (bound, binding, { plan, cost }) => {
      const base = bases.get(keyOf(bound, binding));
      const shape = base === undefined ? null : shapeOfChange(base, plan);
      return base === undefined || shape === null ? cost : discounted({ before: base['Total Cost'], after: cost }, discount(shape, bound.statement.id));
    },
  };
}
