/** Other texts of statements: recommended where they give the same rows with every set of values, and are really faster. For people: the text is the application's. */

import type { Binding } from '../../../domain/optimizer/model.ts';
import type { RewritesSummary } from '../../../domain/optimizer/requests.ts';
import { recommendedRewrite } from '../../../domain/optimizer/rewrite.ts';
import { bindRun } from '../lab/bind-run.ts';
import type { Unit } from '../lab/execute.ts';
import { onLab, type Prepared } from '../lab/session.ts';
import type { OptimizerDependencies } from '../ports.ts';
import { withTheirIndexes } from '../rewrite/beside-indexes.ts';
import { candidatesOf } from '../rewrite/candidates.ts';
import { experimentOf, type TriedRewrite, triedRewrites } from '../rewrite/compare.ts';
import { recommendedBeside } from '../settings/beside.ts';
import { type RecommendRequest, recordAndRecommend } from './recommend.ts';

export interface RewritesRequest extends Omit<RecommendRequest, 'experiment' | 'recommendation'> {
  /** So many statements at most are tried; each is an experiment and a recommendation of its own, under the names at its place. */
  readonly names: readonly { readonly experiment: string; readonly recommendation: string }[];
  /** Recommendations of the same run: with their indexes a text may add nothing, or leave one of them without use. Missing: none. */
  readonly beside?: readonly string[];
}

export function rewriteSteps(deps: OptimizerDependencies) {
  return {
    /** Experiments and recommendations go to the control database, counts come back. Idempotent by their ids. Builds and drops indexes on the lab. */
    async proveRewrites(request: RewritesRequest): Promise<RewritesSummary> {
      const run = (await recommendedBeside(deps.store, request.beside ?? [])).indexes;
      return onLab(deps, request, {
        indexesOf: () => [],
        async work(prepared) {
          const { tried, because } = await triedStatements(deps, request, prepared);
          const summary = { tried: tried.length, recommendations: [] as string[], because: [...because] };
          const judged = tried.length === 0 ? tried : await withTheirIndexes(deps, { request, prepared, run, tried });
          for (const [place, all] of judged.entries()) {
            const { statement, recommendation, because: words } = await recorded(deps, { request, prepared, tried: best(all), place });
            if (recommendation !== null) summary.recommendations.push(recommendation);
            summary.because.push(...words.map((word) => `statement ${statement}: ${word}`));
          }
          return { ...summary, because: summary.because.length === 0 ? ['no statement has a form that another text would serve better'] : summary.because };
        },
      });
    },
  };
}

/** Under today's indexes, all texts of each statement; nothing is recorded yet. */
async function triedStatements(deps: OptimizerDependencies, request: RewritesRequest, prepared: Prepared) {
  const { session, units, rounds } = prepared;
  const [tried, because]: [(readonly TriedRewrite[])[], string[]] = [[], []];
  for (const own of byTime(units)) {
    const found = await candidatesOf(session.client, own);
    if (found === null) continue;
    if ('because' in found) {
      because.push(`statement ${own[0].bound.statement.id} is left alone: ${found.because}`);
      continue;
    }
    const isLate = Date.now() > rounds.untilMs;
    if (request.names[tried.length] === undefined || isLate) {
      because.push(isLate ? 'no time was left for further statements' : `${tried.length} statement(s) were tried, no more are in one run`);
      break;
    }
    const more = await moreValues(deps, prepared, { own, request });
    tried.push(await triedRewrites(session, { units: own, found, rounds, more }, tried.length * MOST_TEXTS));
  }
  return { tried, because };
}

/** More than the rules make of one statement. */
const MOST_TEXTS = 100;

type Own = readonly [Unit, ...Unit[]];

/** Units by statement, those that take most time first. */
function byTime(units: readonly Unit[]): readonly Own[] {
  const groups = new Map<string, Unit[]>();
  for (const unit of units) {
    const { id, kind } = unit.bound.statement;
    if (kind !== 'utility') groups.set(id, [...(groups.get(id) ?? []), unit]);
  }
  return [...groups.values()].map((own) => own as unknown as Own).toSorted((a, b) => b[0].bound.statement.totalMs - a[0].bound.statement.totalMs);
}

/** Of a proof; measuring does with fewer. */
const MOST_VALUES = 12;

/** Other sets of values, real and made up, and one that is all nulls. */
async function moreValues(deps: OptimizerDependencies, { stored, session }: Prepared, { own, request }: { own: Own; request: RewritesRequest }) {
  const { bound } = own[0];
  const { workload, policy } = request;
  const alone = { ...stored, statements: stored.statements.filter(({ id }) => id === bound.statement.id) };
  const again = await bindRun(deps, session.client, { stored: alone, workload, policy, maxBindings: MOST_VALUES });
  const nulls: Binding = { ...own[0].binding, source: 'synthetic', case: 'absent', values: bound.parameterTypes.map(() => null) };
  const found = again.bound.flatMap(({ text, bindings }) => (text === bound.text ? bindings.filter(({ source }) => source !== 'generic') : []));
  const known = new Set(own.map(({ binding }) => keyOf(binding)));
  return [...new Map([...found, nulls].map((binding) => [keyOf(binding), binding])).values()].filter((binding) => !known.has(keyOf(binding)));
}

const keyOf = ({ values, as }: Binding): string => JSON.stringify([values, as]);

/** What is accepted and takes least; else what came nearest to it. */
function best(all: readonly TriedRewrite[]): TriedRewrite {
  const rank = ({ decision, advice }: TriedRewrite) => (decision.verdict === 'accepted' ? 0 : advice !== null ? 1 : 2);
  const [first] = all.toSorted((a, b) => rank(a) - rank(b) || a.total.ratio - b.total.ratio);
  if (first === undefined) throw new TypeError('a statement with candidates has one that was tried');
  const others = all.filter((each) => each !== first && each.decision.verdict === 'rejected').flatMap(({ decision }) => decision.because);
  return { ...first, decision: { ...first.decision, because: [...first.decision.because, ...(first.decision.verdict === 'rejected' ? others : [])] } };
}

interface Recording {
  readonly request: RewritesRequest;
  readonly prepared: Prepared;
  readonly tried: TriedRewrite;
  /** Of the statement among those that were tried. */
  readonly place: number;
}

async function recorded(deps: OptimizerDependencies, { request: { names, ...about }, prepared, tried, place }: Recording) {
  const own = names[place];
  if (own === undefined) throw new TypeError('every statement that was tried has a name');
  const request = { ...about, ...own };
  const { advice, decision, reasons, plans } = tried;
  const change = advice === null ? null : recommendedRewrite(advice, reasons.join('; '));
  const experiment = experimentOf(tried, { id: request.experiment, proof: request.proof, sql: change?.sql ?? '' });
  const accepted = decision.verdict === 'accepted' && change !== null;
  const { recommendation, decision: taken } = await recordAndRecommend(deps, {
    ...{ request, prepared, experiment, decision, plans },
    changes: accepted ? [change] : [],
  });
  return { statement: tried.statement, recommendation, because: taken.because };
}
