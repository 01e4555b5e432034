/** Other texts that are equal, once more: with the indexes that each allows, and beside those that the run recommends. Everything is built once, and taken away where it is not meant. */
import { indexName, indexText } from '../../../domain/optimizer/index-sql.ts';
import { POOL_BUDGETS } from '../../../domain/optimizer/limits.ts';
import type { Decision, IndexDefinition } from '../../../domain/optimizer/model.ts';
import { recommendedIndex } from '../../../domain/optimizer/recommendation.ts';
import type { RewriteAdvice, RewriteIndex } from '../../../domain/optimizer/rewrite.ts';
import type { Interval } from '../../../domain/optimizer/statistics.ts';
import { SLOWEST_RATIO, shown } from '../../../domain/optimizer/verdict.ts';
import { isServerError } from '../../pg-errors.ts';
import type { Unit } from '../lab/execute.ts';
import { partitionsOf } from '../lab/partitions.ts';
import type { Prepared } from '../lab/session.ts';
import { type BuiltIndex, buildSet } from '../lab/sets.ts';
import type { OptimizerDependencies } from '../ports.ts';
import type { OnLab } from '../steps/search.ts';
import { plansOf, type TriedRewrite } from './compare.ts';
import { type Beside, besideRun, measuredTogether, type Together, type Worlds } from './with-indexes.ts';

export interface Asking {
  readonly request: Pick<OnLab, 'limits'>;
  readonly prepared: Prepared;
  /** What the run recommends. */
  readonly run: readonly IndexDefinition[];
  /** By statement, all texts that were tried for it. */
  readonly tried: readonly (readonly TriedRewrite[])[];
}

/** For one statement's indexes; the workload's own search has more to look at. */
const SEARCH_MS = 10_000;
/** Equal texts of one statement that are looked at again. */
const MOST_TEXTS = 3;

/** The same texts in the same places, judged with what was measured here. */
export async function withTheirIndexes(deps: OptimizerDependencies, asking: Asking): Promise<readonly (readonly TriedRewrite[])[]> {
  const { prepared, run, tried } = asking;
  const wanted = await indexesFor(deps, asking);
  const all = [...new Map([...run, ...[...wanted.values()].flat()].map((index) => [indexText(index), index])).values()];
  if (all.length === 0 || tried.every((texts) => texts.every(({ advice }) => advice === null))) return tried;
  // one that cannot be built leaves the texts as they were judged
  const built = await buildSet(prepared.session.client, all, prepared.session.io).catch((error: unknown) => {
    if (!isServerError(error)) throw error;
    return null;
  });
  if (built === null) return tried;
  const builtOf = (indexes: readonly IndexDefinition[]) => built.filter(({ index }) => indexes.some((each) => indexText(each) === indexText(index)));
  const judged: TriedRewrite[][] = [];
  for (const texts of tried) {
    const own: TriedRewrite[] = [];
    for (const text of texts) {
      const mine = builtOf(wanted.get(text) ?? []);
      const theirs = builtOf(run).filter((index) => !mine.includes(index));
      const aside = built.filter((index) => !mine.includes(index) && !theirs.includes(index));
      own.push(text.advice === null ? text : await again(asking, text, { mine, theirs, aside }));
    }
    judged.push(own);
  }
  return judged;
}

/** Sets of what-if planning for the texts alone, as far as the lab has room for all of them. Without hypopg none. */
async function indexesFor(
  deps: OptimizerDependencies,
  { request: { limits }, prepared, tried }: Asking,
): Promise<ReadonlyMap<TriedRewrite, readonly IndexDefinition[]>> {
  const { client, io } = prepared.session;
  const found = new Map<TriedRewrite, readonly IndexDefinition[]>();
  let room = (POOL_BUDGETS - 1) * limits.budgetBytes;
  for (const text of tried.flatMap((texts) => texts.filter(({ advice }) => advice !== null).slice(0, MOST_TEXTS))) {
    const [first] = text.others;
    if (first === undefined || Date.now() > prepared.rounds.untilMs) continue;
    io.beat({ phase: 'rewrites', searching: found.size });
    const bound = { ...first.bound, bindings: text.others.map(({ binding }) => binding) };
    const { sets } = await deps
      .search(client, { bound: [bound], limits: { ...limits, searchMs: Math.min(SEARCH_MS, limits.searchMs) }, io })
      .catch(withoutHypopg);
    const [best] = sets;
    if (best === undefined || best.estimatedBytes > room) continue;
    room -= best.estimatedBytes;
    found.set(text, best.indexes);
  }
  return found;
}

function withoutHypopg(error: unknown): { readonly sets: readonly [] } {
  if (!isServerError(error)) throw error;
  return { sets: [] };
}

/** Of the time that text and indexes together save: as where alternatives are compared. */
const NEARLY = 0.9;
const saves = ({ ratio }: Interval): number => Math.max(0, 1 - ratio);

interface Built {
  readonly mine: readonly BuiltIndex[];
  readonly theirs: readonly BuiltIndex[];
  readonly aside: readonly BuiltIndex[];
}

async function again({ request: { limits }, prepared }: Asking, text: TriedRewrite, { mine, theirs, aside }: Built): Promise<TriedRewrite> {
  const { session, rounds, units: every } = prepared;
  const { units, others } = text;
  const rest = every.filter(({ bound }) => bound.statement.id !== text.statement);
  const worlds: Worlds = { units, others, own: mine, run: theirs, aside, rest, rounds: { ...rounds, repeats: 2 * rounds.repeats } };
  const together = mine.length === 0 ? null : await measuredTogether(session, worlds);
  const indexes = together === null ? [] : await proposed(session.client, together.used);
  const isTooLarge = indexes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) > limits.budgetBytes;
  const against = together === null ? [] : [...together.against, ...(isTooLarge ? ['its indexes need more room than is allowed'] : [])];
  const isEnough = together !== null && text.decision.verdict === 'accepted' && saves(text.total) >= NEARLY * saves(together.both);
  if (isEnough) against.push(`the text alone saves nearly as much, for no room: with them ${shown(together.both)}`);
  const isTogether = together !== null && against.length === 0;
  const beside = isTogether || text.decision.verdict === 'accepted' ? await besideRun(session, worlds, isTogether) : NOTHING;
  const all = [...mine, ...theirs, ...aside];
  const names = new Map(all.map(({ name, index }) => [name, indexName(index)]));
  const plans = (unit: Unit) => plansOf(session, { names, unit, units, others, before: all, after: isTogether ? [...theirs, ...aside] : all });
  const [first] = units as readonly [Unit, ...Unit[]];
  return { ...judged(text, { together: isTogether ? together : null, against, indexes, beside }), plans: () => plans(text.mostMoved ?? first) };
}

const NO_TIME = { ratio: 1, low: 1, high: 1 };
const NOTHING: Beside = { left: null, useless: [] };

interface Judging {
  readonly together: Together | null;
  readonly against: readonly string[];
  readonly indexes: readonly RewriteIndex[];
  readonly beside: Beside;
}

function judged(text: TriedRewrite, { together, against, indexes, beside: { left, useless } }: Judging): TriedRewrite {
  const advice: RewriteAdvice = {
    ...(text.advice as RewriteAdvice),
    ...(left === null ? {} : { beside: left }),
    ...(useless.length === 0 ? {} : { useless: useless.map(({ index, isOnly }) => ({ name: indexName(index), isOnly })) }),
  };
  const name = advice.rules.join(' + ');
  if (together === null) {
    const because = [...text.decision.because, ...against.map((words) => `${name} with indexes: ${words}`)];
    const isSlower = left !== null && left.low > SLOWEST_RATIO;
    const reason = `${name}: with the indexes that the same run recommends the statement as it is is faster, and does not use them with this text: it takes ${shown(left ?? NO_TIME)} then`;
    return { ...text, advice, decision: isSlower ? { verdict: 'rejected', because: [reason, ...because] } : { ...text.decision, because } };
  }
  const { both, wall, indexesAlone, verdict } = together;
  const textAlone = text.verdict === null ? null : text.total;
  const alone = textAlone === null ? '' : `, the text alone ${shown(textAlone)}`;
  const decision: Decision = {
    verdict: 'accepted',
    because: [
      `executed ${shown(both)} of before, with every set of values, together with ${indexes.length} index(es); the indexes alone ${shown(indexesAlone)}${alone}`,
    ],
  };
  return { ...text, advice: { ...advice, indexes, measured: { both, indexesAlone, textAlone } }, verdict, total: both, wallTotal: wall, decision };
}

/** As they are proposed for the source. */
async function proposed(client: Prepared['session']['client'], used: readonly BuiltIndex[]): Promise<readonly RewriteIndex[]> {
  const indexes: RewriteIndex[] = [];
  for (const { index, sizeBytes, buildMs } of used) {
    const { name, sql, undo } = recommendedIndex(index, { sizeBytes, buildMs, leaveOneOut: null }, await partitionsOf(client, index.table));
    indexes.push({ index, name, sql, undo, sizeBytes, buildMs });
  }
  return indexes;
}
