/** Applying and guarding by the steps themselves: a real source, a real control database, recommendations as a run would have stored them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createApplyStore } from '../../activities/control/apply-store.ts';
import type { Control } from '../../activities/control/control-database.ts';
import { openControl } from '../../activities/control/control-database.ts';
import { createOptimizerStore } from '../../activities/control/optimizer-store.ts';
import type { ApplyStore } from '../../activities/optimizer/apply/ports.ts';
import type { OptimizerDependencies } from '../../activities/optimizer/ports.ts';
import { type ApplySteps, applySteps } from '../../activities/optimizer/steps/apply.ts';
import { withConnection } from '../../activities/pg.ts';
import { recommendationDigest } from '../../activities/recommendation-digest.ts';
import type { Experiment, Judgement } from '../../domain/optimizer/model.ts';
import { defaultOptimizerPolicy, type OptimizerPolicy } from '../../domain/optimizer/policy.ts';
import type { Recommendation, RecommendedIndex } from '../../domain/optimizer/recommendation.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { quietIo } from '../backup/clone-support.ts';

const never = () => Promise.reject(new Error('not of this test'));

/** For tests whose steps apply nothing. */
export const unusedApply = { sourceWriter: never, applyStore: {} } as unknown as Pick<OptimizerDependencies, 'sourceWriter' | 'applyStore'>;

export interface ApplyBench {
  readonly cluster: EmbeddedCluster;
  readonly control: Control;
  readonly steps: ApplySteps;
  readonly store: ApplyStore;
  readonly policy: ClusterPolicy;
  /** Stored as a run would; what every step about it is asked with. */
  recommend(indexes: readonly RecommendedIndex[], options?: Recommending): Promise<Asked>;
  /** Stored anew, as somebody would who tampers with it after the approval. */
  change(id: string, change: (recommendation: Recommendation) => Recommendation): Promise<void>;
}

export interface Recommending {
  /** queryid → what the lab said. */
  readonly statements?: Readonly<Record<string, Judgement>>;
  readonly texts?: Readonly<Record<string, string>>;
  readonly createdAt?: Date;
}

export interface Asked {
  readonly policy: ClusterPolicy;
  readonly recommendation: string;
  readonly digest: string;
}

export interface BenchOptions {
  /** Database of the source; the control database lies beside it. */
  readonly optimizer?: Partial<OptimizerPolicy>;
  readonly user?: string;
  readonly overrides?: Partial<OptimizerDependencies>;
}

const controlUrlOf = (cluster: EmbeddedCluster) => `postgres://postgres@localhost:${cluster.port}/control?host=${encodeURIComponent(cluster.socketDirectory)}`;

/** The control database is made on the cluster itself. */
export async function applyBench(cluster: EmbeddedCluster, { optimizer = {}, user = 'postgres', overrides = {} }: BenchOptions = {}): Promise<ApplyBench> {
  const there = await cluster.sql(`select from pg_database where datname = 'control'`);
  if (there.length === 0) await cluster.sql('create database control');
  const control = await openControl(controlUrlOf(cluster));
  await control.migrate();
  const store = createOptimizerStore(control);
  const policy = cluster.policy((own) => ({
    ...own,
    connection: { ...own.connection, user },
    optimizer: { ...defaultOptimizerPolicy, lockTimeoutMs: 50, ...optimizer },
  }));
  return {
    cluster,
    control,
    steps: applyStepsOn(control, overrides),
    store: createApplyStore(control),
    policy,
    async recommend(indexes, options = {}) {
      const recommendation = recommendationOf(indexes, options);
      const { run: id, database, createdAt: startedAt } = recommendation;
      const head = { id, database, startedAt, cluster: 'main', owner: 'test', source: 'pg_stat_statements', settings: {} } as const;
      await store.begin(head, { statements: [], notJudged: [], notices: [] });
      await store.saveRecommendation(recommendation);
      return { policy, recommendation: recommendation.id, digest: recommendationDigest(recommendation) };
    },
    change: async (id, change) => {
      const recommendation = await store.findRecommendation(id);
      if (recommendation !== null) await store.saveRecommendation(change(recommendation));
    },
  };
}

export const applyStepsOn = (control: Control, overrides: Partial<OptimizerDependencies> = {}): ApplySteps =>
  applySteps({
    ...sessions,
    store: createOptimizerStore(control),
    applyStore: createApplyStore(control),
    observe: () => {},
    io: quietIo,
    now: () => new Date(),
    ...overrides,
  } as OptimizerDependencies);

export interface ProcessInput {
  readonly controlUrl: string;
  readonly asked: Asked;
  readonly place: number;
}

/** applyChange of the first change in a process of its own, to be killed. */
export function applyInProcess({ cluster }: ApplyBench, asked: Asked): ChildProcess {
  const input: ProcessInput = { controlUrl: controlUrlOf(cluster), asked, place: 0 };
  return spawn(process.execPath, [join(import.meta.dirname, 'apply-process.ts'), JSON.stringify(input)], { stdio: ['ignore', 'pipe', 'inherit'] });
}

const sessions: Pick<OptimizerDependencies, 'sourceSession' | 'sourceWriter'> = {
  sourceSession: (policy, database, use) =>
    withConnection(
      policy.connection,
      () => '',
      { database },
      async (client) => {
        await client.query('begin read only');
        return use(client);
      },
    ),
  sourceWriter: (policy, { database, session }, use) => withConnection(policy.connection, () => '', { database, agent: 'optimizer', session }, use),
};

function recommendationOf(indexes: readonly RecommendedIndex[], { statements = {}, texts = {}, createdAt = new Date() }: Recommending): Recommendation {
  const id = randomUUID();
  const experiment: Experiment = {
    id: `e-${id}`,
    proofId: 'p-1',
    changes: [],
    statements: Object.entries(statements).map(([statement, judged]) => ({ statement, ratio: 0.1, low: 0.1, high: 0.2, judged, bindingSource: 'captured' })),
    total: { ratio: 0.1, low: 0.1, high: 0.2 },
  };
  return {
    id,
    run: `r-${id}`,
    ...{ cluster: 'main', database: 'postgres', state: 'proposed', backup: 'B1' },
    createdAt: createdAt.toISOString(),
    experiment,
    indexes,
    decision: { verdict: 'accepted', because: [] },
    texts,
  };
}
