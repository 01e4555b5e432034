/** What a setting is worth to the other text of its statement that the same run recommends: whoever takes that may not need it any more. */
import { percent } from '../../../domain/optimizer/finding-words.ts';
import type { IndexDefinition } from '../../../domain/optimizer/model.ts';
import type { RewriteAdvice } from '../../../domain/optimizer/rewrite.ts';
import { WORTH } from '../../../domain/optimizer/setting-verdict.ts';
import { judgeTotal } from '../../../domain/optimizer/verdict.ts';
import { isServerError } from '../../pg-errors.ts';
import { prepareUnits } from '../lab/execute.ts';
import { compare, type Job, type LabSession, type Rounds } from '../lab/measure.ts';
import { buildSet } from '../lab/sets.ts';
import type { OptimizerStore } from '../ports.ts';
import { timesOf } from '../rewrite/compare.ts';
import { type MeasuredIdea, settingsBefore, valuesOf } from './measure.ts';

/** By statement. */
export async function recommendedTexts(store: Pick<OptimizerStore, 'findRecommendation'>, ids: readonly string[]): Promise<ReadonlyMap<string, RewriteAdvice>> {
  const found = await Promise.all(ids.map((id) => store.findRecommendation(id)));
  const changes = found.flatMap((recommendation) => recommendation?.indexes ?? []);
  return new Map(changes.flatMap((change) => (change.kind === 'rewrite' ? [[change.rewrite.statement, change.rewrite] as const] : [])));
}

/** What `prepareUnits` of others does not number so high. */
const FIRST_NUMBER = 2_000_000;

interface Asked {
  readonly rewrite: RewriteAdvice;
  readonly rounds: Rounds;
  /** Of the idea among those that are measured. */
  readonly place: number;
  /** What the run recommends, and is there: it stays, and nothing else does. */
  readonly there: readonly IndexDefinition[];
}

/** One sentence. The indexes that the text needs are built for as long as it is executed. */
export async function besideText(session: LabSession, idea: MeasuredIdea, asked: Asked): Promise<string> {
  const own = (asked.rewrite.indexes ?? []).map(({ index }) => index);
  if (own.length === 0) return executedBeside(session, idea, asked);
  const { client, io } = session;
  try {
    await buildSet(client, [...asked.there, ...own], io);
    return await executedBeside(session, idea, asked);
  } catch (error) {
    if (!isServerError(error)) throw error;
    return `${UNKNOWN}: its indexes could not be built`;
  } finally {
    await buildSet(client, asked.there, io);
  }
}

const UNKNOWN = 'what it does to the other text that the same run recommends is not known';

async function executedBeside(session: LabSession, { units, settings }: MeasuredIdea, { rewrite, rounds, place }: Asked): Promise<string> {
  const [first] = units;
  if (first === undefined) return UNKNOWN;
  const fixed = new Map(rewrite.fixed.map(({ parameter, value }) => [parameter, value]));
  const bindings = units.map(({ binding }) => ({ ...binding, values: binding.values.map((value, at) => fixed.get(at + 1) ?? value) }));
  try {
    const others = await prepareUnits(session.client, { ...first.bound, text: rewrite.after, bindings }, FIRST_NUMBER + place);
    const jobs = others.map((unit): Job => ({ unit, before: [], after: [], settings: { before: settingsBefore(settings), after: valuesOf(settings) } }));
    const times = timesOf(others, await compare(session, jobs, rounds), 'pairs');
    if (times.bindings.length === 0) return UNKNOWN;
    const left = judgeTotal([times]);
    const figures = `${percent(left.ratio)} % (${percent(left.low)}–${percent(left.high)})`;
    const isWorth = left.high < 1 && left.ratio <= WORTH;
    const which = (rewrite.indexes ?? []).length === 0 ? 'the other text' : 'the other text with its own indexes';
    return `of ${which} that the same run recommends it leaves ${figures}${isWorth ? '' : ': take one of both'}`;
  } catch (error) {
    if (!isServerError(error)) throw error;
    return UNKNOWN;
  }
}
