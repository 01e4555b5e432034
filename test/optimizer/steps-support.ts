/** The optimizer's steps on one real server: it stands for the source and for the lab, and a database of its own holds what they keep. */
import { hostname } from 'node:os';
import { afterAll, beforeAll } from 'vitest';
import { type Control, openControl } from '../../activities/control/control-database.ts';
import { createOptimizerStore } from '../../activities/control/optimizer-store.ts';
import { bindStatements } from '../../activities/optimizer/bind/bind.ts';
import type { OptimizerStore } from '../../activities/optimizer/ports.ts';
import { searchSets } from '../../activities/optimizer/search-sets.ts';
import { createOptimizerSteps, type OptimizerSteps } from '../../activities/optimizer/steps.ts';
import { workloadFromFiles } from '../../activities/optimizer/workload/files.ts';
import { withConnection } from '../../activities/pg.ts';
import type { Observe } from '../../domain/observation.ts';
import type { IndexDefinition, NotJudged, Statement } from '../../domain/optimizer/model.ts';
import type { ClusterOptions, EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { quietIo } from '../backup/clone-support.ts';
import { testCluster } from '../support/cluster.ts';
import { unusedApply } from './apply-support.ts';

export interface StepsBench {
  readonly control: Control;
  readonly store: OptimizerStore;
  readonly steps: OptimizerSteps;
}

export interface StepsOptions {
  readonly observe?: Observe;
  /** Of the server, on top of the defaults. */
  readonly settings?: ClusterOptions['settings'];
}

export interface Beginning {
  /** Of the run. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly notJudged?: readonly NotJudged[];
  /** What its search found. */
  readonly sets?: readonly (readonly IndexDefinition[])[];
}

/** One for a test file: filled before its first test, closed after its last. */
export function useSteps(fill: (cluster: EmbeddedCluster) => Promise<unknown>, { observe, settings = {} }: StepsOptions = {}) {
  let made: (StepsBench & { readonly cluster: EmbeddedCluster }) | undefined;
  beforeAll(async () => {
    const cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off', ...settings } });
    await cluster.sql('create database control');
    await fill(cluster);
    made = { cluster, ...(await openSteps(cluster, observe)) };
  }, 60_000);
  afterAll(() => made?.control.close());
  const there = () => {
    if (made === undefined) throw new Error('the server starts before the first test');
    return made;
  };
  return {
    get cluster() {
      return there().cluster;
    },
    get control() {
      return there().control;
    },
    get store() {
      return there().store;
    },
    get steps() {
      return there().steps;
    },
    /** A run of these statements, as far as its search; what each of its steps is asked with, but for the limits. */
    async begin(run: string, statements: readonly Statement[], { settings: ofRun = {}, notJudged = [], sets = [] }: Beginning = {}) {
      const { cluster, store } = there();
      const startedAt = new Date().toISOString();
      await store.begin(
        { id: run, cluster: 'main', database: 'postgres', owner: 'test', source: 'files', startedAt, settings: ofRun },
        { statements, notJudged, notices: [] },
      );
      if (sets.length > 0)
        await store.saveFinalists(
          run,
          sets.map((indexes) => ({ indexes, estimatedRatio: 0.5, estimatedBytes: 1 })),
        );
      const clone = { id: 'c', cluster: 'main', host: hostname(), directory: '/nowhere' };
      return { policy: cluster.policy(), clone, run, workload: null, proof: 'p', backup: 'B' };
    },
  };
}

/** Of the database `control`, which must be there. */
export const controlUrlOf = ({ port, socketDirectory }: EmbeddedCluster): string =>
  `postgres://postgres@localhost:${port}/control?host=${encodeURIComponent(socketDirectory)}`;

/** Whoever opens it closes the control database. */
export async function openSteps(cluster: EmbeddedCluster, observe: Observe = () => {}): Promise<StepsBench> {
  const control = await openControl(controlUrlOf(cluster));
  await control.migrate();
  const store = createOptimizerStore(control);
  const steps = createOptimizerSteps({
    ...{ ...unusedApply, store, bind: bindStatements, search: searchSets, workloadFromFiles, io: quietIo, now: () => new Date(), observe },
    labSession: ({ policy }, options, use) => withConnection(policy.connection, () => '', options, use),
    sourceSession: (policy, database, use) => withConnection(policy.connection, () => '', { database }, use),
  });
  return { control, store, steps };
}
