/** From looks to a verdict: which statements the change promised something to, which it cannot touch, and what their samples say. */
import { type GuardQuestion, guardVerdict } from '../../../domain/optimizer/guard.ts';
import { type GuardLook, windowCounts } from '../../../domain/optimizer/guard-looks.ts';
import type { OptimizerPolicy } from '../../../domain/optimizer/policy.ts';
import { type Recommendation, tableOfChange } from '../../../domain/optimizer/recommendation.ts';
import type { GuardVerdict } from '../steps/apply.ts';
import { selectNames } from './names.ts';

interface Question {
  readonly recommendation: Recommendation;
  /** Of all windows. */
  readonly looks: readonly GuardLook[];
  readonly window: number;
  readonly guard: OptimizerPolicy['guard'];
}

/** The parser must be ready. */
export function judgeWindow({ recommendation, looks, window, guard }: Question): GuardVerdict {
  const { statements } = recommendation.experiment;
  const ofWindow = (one: number) => windowCounts(looks.filter((look) => look.window === one));
  const question: GuardQuestion = {
    before: ofWindow(0),
    after: Array.from({ length: window }, (_, place) => ofWindow(place + 1)),
    promised: new Map(statements.filter(({ judged }) => judged === 'faster').map(({ statement, ratio }) => [statement, ratio])),
    unrelated: unrelatedTo(recommendation, new Set(looks.flatMap(({ opaque = [] }) => opaque))),
    guard,
  };
  return guardVerdict(question);
}

/** Statements that only read, name no changed table and nothing opaque, and that the lab found the same: what happens to them, happens to all. */
function unrelatedTo({ experiment, indexes, texts }: Recommendation, opaque: ReadonlySet<string>): ReadonlySet<string> {
  const changed = new Set(indexes.map((change) => tableOfChange(change).relation));
  const same = experiment.statements.filter(({ judged }) => judged === 'same').map(({ statement }) => statement);
  return new Set(
    same.filter((statement) => {
      const names = selectNames(texts[statement] ?? '');
      return names !== null && [...names.relations, ...names.functions].every((name) => !changed.has(name) && !opaque.has(name));
    }),
  );
}
