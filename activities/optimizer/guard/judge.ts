/** From looks to a verdict: which statements the change promised something to, which it cannot touch, and what their samples say. */
import { type GuardQuestion, guardVerdict } from '../../../domain/optimizer/guard.ts';
import { type GuardLook, windowCounts } from '../../../domain/optimizer/guard-looks.ts';
import type { OptimizerPolicy } from '../../../domain/optimizer/policy.ts';
import { type Recommendation, tableOfChange } from '../../../domain/optimizer/recommendation.ts';
import { isFault, parseOne, visit } from '../bind/tree.ts';
import type { GuardVerdict } from '../steps/apply.ts';

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
    unrelated: unrelatedTo(recommendation),
    guard,
  };
  return guardVerdict(question);
}

/** Statements that name no changed table and that the lab found the same: what happens to them, happens to all. */
function unrelatedTo({ experiment, indexes, texts }: Recommendation): ReadonlySet<string> {
  const changed = new Set(indexes.map((change) => tableOfChange(change).relation));
  const same = experiment.statements.filter(({ judged }) => judged === 'same').map(({ statement }) => statement);
  return new Set(same.filter((statement) => texts[statement] !== undefined && !names(texts[statement], changed)));
}

/** What cannot be read may name anything. */
function names(text: string, tables: ReadonlySet<string>): boolean {
  const parsed = parseOne(text);
  if (isFault(parsed)) return true;
  let isNamed = false;
  visit({ kind: parsed.kind, node: parsed.root }, ({ kind, node }) => {
    if (kind === 'RangeVar' && tables.has(String(node.relname))) isNamed = true;
  });
  return isNamed;
}
