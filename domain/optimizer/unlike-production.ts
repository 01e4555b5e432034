/** Statements whose made-up values ask for far less work on the lab than production's calls do: what the lab says of them may be beside the point. Pure. */
import type { Statement } from './model.ts';
import { median } from './statistics.ts';
import type { StatementTimes } from './verdict.ts';

/** So many times what it took on the lab, and at least so many milliseconds a call. */
const FAR = 10;
const WORTH_MS = 10;
/** More of them would hide the rest. */
const MOST = 3;

/** One line for people, or none. `counted` is what production's counters say of all calls. */
export function unlikeProduction(counted: readonly Statement[], measured: readonly StatementTimes[]): readonly string[] {
  const means = new Map(counted.map(({ id, calls, totalMs }) => [id, calls === 0 ? 0 : totalMs / calls]));
  const unlike = measured.flatMap(({ statement, bindings }) => {
    const there = means.get(statement) ?? 0;
    const here = bindings.reduce((sum, { pairs }) => sum + median(pairs.map(({ beforeMs }) => beforeMs)), 0) / bindings.length;
    const isMadeUp = bindings.some(({ source }) => source === 'synthetic');
    return isMadeUp && there >= WORTH_MS && there > FAR * here ? [{ statement, there, here }] : [];
  });
  if (unlike.length === 0) return [];
  const named = unlike
    .toSorted((a, b) => b.there - a.there)
    .slice(0, MOST)
    .map(({ statement, there, here }) => `${statement} (${there.toFixed(1)} ms a call there, ${here.toFixed(1)} ms here)`);
  const more = unlike.length > MOST ? ` and ${unlike.length - MOST} more` : '';
  return [
    `${unlike.length} statement(s) take far longer there than here, where their values are made up: ${named.join(', ')}${more}. The values that are sent ask for more, or the counters are older than an index`,
  ];
}
