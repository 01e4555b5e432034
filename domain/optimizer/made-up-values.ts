/** What a verdict is worth that rests on values which nobody sent. Pure. */
import type { StatementVerdict } from './model.ts';

type Verdict = Pick<StatementVerdict, 'judged' | 'low' | 'high' | 'bindingSource'>;

/** Statements that a change moves; where it moves none, those that it could have moved. `some` of them were measured with made-up values, or all. */
export function madeUpOf(statements: readonly Verdict[]): { readonly moved: number; readonly madeUp: number } {
  const changed = statements.filter(({ judged }) => judged !== 'same');
  // what no change can reach was timed once, for both sides
  const moved = changed.length > 0 ? changed : statements.filter(({ low, high }) => low !== 1 || high !== 1);
  return { moved: moved.length, madeUp: moved.filter(({ bindingSource }) => bindingSource !== 'captured').length };
}

/** For people, with the way out, which is another one where the run captured values; null: every statement that it moves was measured with values that were really sent, or takes none. */
export function sayMadeUp(statements: readonly Verdict[], capturesValues = false): string | null {
  const { moved, madeUp } = madeUpOf(statements);
  if (madeUp === 0) return null;
  const which =
    madeUp === moved
      ? moved === 1
        ? 'the statement that it moves'
        : `all ${moved} statements that it moves`
      : `${madeUp} of ${moved} statements that it moves`;
  return `${which} ran with values made up from statistics: those that the application sends may be slower with it. ${moreValues(capturesValues)}`;
}

/** In a rejection: they did it. */
export const MADE_UP = 'made-up values';

/** How values that were really sent, or more of them, come into the next run. `capturesValues`: the policy asked for them in this one. */
export const moreValues = (capturesValues: boolean): string => (capturesValues ? UNSEEN : CAPTURE);

const UNSEEN =
  'capture.values is on, but the run met none of theirs in log and sessions: `assay doctor` says whether the log is read; a longer log, or more runs, show more';
const CAPTURE =
  'With optimizer: { capture: { values: true } } in assay.yaml the next run measures with values that were really sent, as far as log and sessions show them';
