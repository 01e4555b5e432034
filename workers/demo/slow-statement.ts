/** The second act: a statement that no index serves appears under traffic; it is found, its fix is measured on a restored copy, approved, carried out, watched. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { openControl } from '../../activities/control/control-database.ts';
import { createOptimizerStore } from '../../activities/control/optimizer-store.ts';
import { recommendationDigest } from '../../activities/recommendation-digest.ts';
import { fleetQueue, workflowIds } from '../../domain/ids.ts';
import { alternativesTo } from '../../domain/optimizer/alternatives.ts';
import type { OptimizerRunInput, OptimizerRunResult } from '../../domain/optimizer/requests.ts';
import { connectAssay } from '../../ops/client/connect.ts';
import { type RecommendationSheet, recommendationPage } from '../../ops/optimizer-report/recommendation-page.ts';
import type { EmbeddedFleet } from '../embedded/embedded-fleet.ts';
import { inDatabase } from '../embedded/shop.ts';

/** What a customer looked at last: an application asks it on every page. */
const STATEMENT = 'select at, path from "web.log".page_views where customer_id = $1 order by at desc limit 10';

/** What runs in this time is the workload. */
const LOOKED_AT_MS = 8_000;
const EVERY_MS = 40;

export interface FixedStatement {
  readonly recommendation: string;
  /** What was done, as SQL. */
  readonly sql: string;
  /** Executed total on the copy, with / without. */
  readonly ratio: { readonly ratio: number; readonly low: number; readonly high: number };
  readonly state: string;
  /** Median of what the application saw, in milliseconds. */
  readonly beforeMs: number;
  readonly afterMs: number;
  /** Path of its page: plans before and after, what was measured, what became of it. */
  readonly page: string;
}

/** Throws where nothing was recommended, or it was not kept: the demo must not say what did not happen. */
export async function fixSlowStatement({ fleet, client }: { fleet: EmbeddedFleet; client: Client }, tell: (line: string) => void): Promise<FixedStatement> {
  const readers = startReaders(fleet);
  const assay = await connectAssay({ address: fleet.temporal.address });
  try {
    tell('a slow statement runs: the workload is looked at, indexes are searched, built and measured on a restored copy');
    const found = await optimized(client);
    if (found.recommendation === null) throw new Error(`the demo expected a recommendation: ${found.because.join('; ')}`);
    const { recommendation, digest } = await sheetOf(fleet, found.recommendation);
    const beforeMs = readers.median();
    tell('approved: a fresh proof, a window before, a restore point, CREATE INDEX CONCURRENTLY, a window after');
    await assay.optimizer.decide({ cluster: 'shop', recommendation: recommendation.id, verdict: 'approve', digest, by: 'the demo', reason: null });
    const end = await (await assay.optimizer.recommendation('shop', recommendation.id)).result();
    if (end.state !== 'kept') throw new Error(`the demo expected the change to be kept, it is ${end.state}: ${end.because.join('; ')}`);
    readers.forget();
    await sleep(2_000);
    const sql = recommendation.indexes.map((change) => change.sql).join(' ');
    const page = join(fleet.directory, 'recommendation.html');
    writeFileSync(page, recommendationPage(await sheetOf(fleet, recommendation.id)));
    const ratio = recommendation.experiment.total;
    return { recommendation: recommendation.id, sql, ratio, state: end.state, beforeMs, afterMs: readers.median(), page };
  } finally {
    await readers.stop();
    await assay.close();
  }
}

async function sheetOf({ control }: EmbeddedFleet, id: string): Promise<RecommendationSheet> {
  const database = await openControl(control.url);
  try {
    const store = createOptimizerStore(database);
    const recommendation = await store.findRecommendation(id);
    if (recommendation === null) throw new TypeError(`no recommendation ${id}`);
    return {
      recommendation,
      digest: recommendationDigest(recommendation),
      history: await store.history({ recommendation: id }, 20),
      plans: await store.plans(id),
      tried: await store.triedSets(recommendation.run),
      alternatives: alternativesTo(id, await store.foundIn(recommendation.run)),
    };
  } finally {
    await database.close();
  }
}

async function optimized(client: Client): Promise<OptimizerRunResult> {
  const requestKey = 'demo';
  return client.workflow.execute<(input: OptimizerRunInput) => Promise<OptimizerRunResult>>('optimizerRun', {
    workflowId: workflowIds.optimizerRun('shop', requestKey),
    taskQueue: fleetQueue,
    args: [{ cluster: 'shop', database: 'shop', requestKey, windowMs: LOOKED_AT_MS }],
    staticSummary: 'Indexes for shop',
  });
}

/** Page after page, on a session of their own, as customers open them. */
function startReaders({ cluster }: EmbeddedFleet) {
  let took: number[] = [];
  let isStopped = false;
  const running = inDatabase(cluster, 'shop', async (session) => {
    const { rows } = await session.query('select max(id)::int as customers from customers');
    while (!isStopped) {
      const from = performance.now();
      await session.query(STATEMENT, [1 + Math.floor(rows[0].customers * Math.random() ** 3)]);
      took.push(performance.now() - from);
      await sleep(EVERY_MS);
    }
  });
  running.catch(() => {}); // told by stop
  return {
    median: () => took.toSorted((a, b) => a - b)[Math.floor(took.length / 2)] ?? Number.NaN,
    forget() {
      took = [];
    },
    async stop() {
      isStopped = true;
      await running;
    },
  };
}
