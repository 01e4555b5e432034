/** Costs under hypothetical indexes, less of their gain where measuring showed before that so much is not there. */
import { type Discount, discounted } from '../../../domain/optimizer/accuracy.ts';
import type { Bound } from '../../../domain/optimizer/model.ts';
import { type ChangedPlan, shapeOfChange } from '../../../domain/optimizer/plan-change.ts';

export interface LearnedCosts {
  /** The plan of one of the statement's bindings (by its place) without any index. */
  noteBase(bound: Bound, binding: number, planned: PricedPlan): void;
  /** Under indexes. The plan's own where the base was never noted. */
  costOf(bound: Bound, binding: number, planned: PricedPlan): number;
}

interface PricedPlan {
  readonly plan: ChangedPlan;
  /** With what the planner leaves out. */
  readonly cost: number;
}

export function learnedCosts(discount: Discount): LearnedCosts {
  const bases = new Map<string, PricedPlan>();
  const keyOf = ({ statement }: Bound, binding: number) => `${binding} ${statement.id}`;
  return {
    noteBase: (bound, binding, planned) => void bases.set(keyOf(bound, binding), planned),
    costOf: (bound, binding, { plan, cost }) => {
      const base = bases.get(keyOf(bound, binding));
      const shape = base === undefined ? null : shapeOfChange(base.plan, plan);
      return base === undefined || shape === null ? cost : discounted({ before: base.cost, after: cost }, discount(shape, bound.statement.id));
    },
  };
}
