/** `assay optimizer recommendations`, `show` and `history`: read from the control database, so that no text of a statement passes through a history. */
import { existsSync } from 'node:fs';
import { type Control, openControl } from '../../activities/control/control-database.ts';
import { createOptimizerStore } from '../../activities/control/optimizer-store.ts';
import type { OptimizerStore } from '../../activities/optimizer/ports.ts';
import { recommendationDigest } from '../../activities/recommendation-digest.ts';
import { AssayError } from '../../domain/errors.ts';
import { alternativesTo } from '../../domain/optimizer/alternatives.ts';
import type { HistoryEntry, RecommendationRecord } from '../../domain/optimizer/decision.ts';
import type { Recommendation } from '../../domain/optimizer/recommendation.ts';
import type { GlobalOptions } from '../../ops/cli/handlers.ts';
import { readPolicy } from '../read-policy.ts';
import { configOf } from './connection.ts';
import { controlUrlOf } from './worker.ts';

const MOST = 200;

/** Throws control-unreachable, usage. */
export const listRecommendations = (options: GlobalOptions, cluster: string | null): Promise<readonly Recommendation[]> =>
  withStore(options, (store) => store.recommendations(cluster, MOST));

/** `asked`: its id, or as much of its beginning as no other recent one shares. Throws usage where there is none, or several. */
export const readRecommendation = (options: GlobalOptions, asked: string): Promise<RecommendationRecord> =>
  withStore(options, async (store) => {
    const recommendation = (await store.findRecommendation(asked)) ?? (await begunWith(store, asked));
    const { id, run } = recommendation;
    const alternatives = alternativesTo(id, await store.foundIn(run));
    return { recommendation, digest: recommendationDigest(recommendation), history: await store.history({ recommendation: id }, MOST), alternatives };
  });

async function begunWith(store: OptimizerStore, beginning: string): Promise<Recommendation> {
  const [found, ...others] = beginning === '' ? [] : (await store.recommendations(null, MOST)).filter(({ id }) => id.startsWith(beginning));
  if (found !== undefined && others.length === 0) return found;
  const reason = found === undefined ? `no recommendation ${beginning} is known` : `${1 + others.length} recommendations begin with ${beginning}`;
  throw new AssayError('usage', { reason, hint: 'list them with `assay optimizer recommendations`' });
}

/** Its page, with the plans that were kept and the other sets that its run measured. Throws control-unreachable, usage. */
export async function drawRecommendation(options: GlobalOptions, record: RecommendationRecord): Promise<string> {
  const { recommendationPage } = await import('../../ops/optimizer-report/recommendation-page.ts');
  const { id, run } = record.recommendation;
  return withStore(options, async (store) => recommendationPage({ ...record, plans: await store.plans(id), tried: await store.triedSets(run) }));
}

/** Throws control-unreachable, usage. */
export const readHistory = (options: GlobalOptions, cluster: string | null): Promise<readonly HistoryEntry[]> =>
  withStore(options, (store) => store.history(cluster === null ? null : { cluster }, MOST));

/** Throws control-unreachable, usage. */
export const withStore = <T>(options: GlobalOptions, use: (store: OptimizerStore) => Promise<T>): Promise<T> =>
  withControl(options, (control) => use(createOptimizerStore(control)));

/** The control database for the length of one command. Throws control-unreachable, usage. */
export async function withControl<T>(options: GlobalOptions, use: (control: Control) => Promise<T>): Promise<T> {
  const { policyFile } = configOf(options);
  const control: Control = await openControl(controlUrlOf(existsSync(policyFile) ? readPolicy(policyFile) : null));
  try {
    return await use(control);
  } finally {
    await control.close();
  }
}
