/** What the optimizer keeps in the control database. */

import { AssayError } from '../../domain/errors.ts';
import type { NotJudged, Statement } from '../../domain/optimizer/model.ts';
import { ExperimentEntity } from '../../entities/experiment.ts';
import { OptimizerRunEntity, OptimizerStatementEntity } from '../../entities/optimizer-run.ts';
import { OptimizerSnapshotEntity } from '../../entities/optimizer-snapshot.ts';
import type { OptimizerStore, StoredRun } from '../optimizer/ports.ts';
import { createAlternativesStore } from './alternatives-store.ts';
import type { Control } from './control-database.ts';
import { createHygieneStore } from './hygiene-store.ts';
import { readGains } from './optimizer-gains.ts';
import { createPlanStore } from './plan-store.ts';
import { createRecommendationStore } from './recommendation-store.ts';

/** Looks kept of each cluster: those of runs that go on at the same time, and the last one. */
const SNAPSHOTS = 8;

export function createOptimizerStore(control: Control): OptimizerStore {
  const plans = createPlanStore(control);
  return {
    ...createHygieneStore(control),
    ...plans,
    ...createAlternativesStore(control, plans),
    ...createRecommendationStore(control),
    begin: (head, workload) =>
      control.em().transactional(async (em) => {
        // a retried step may have seen another workload: the last one counts, whole
        await em.nativeDelete(OptimizerStatementEntity, { run: head.id });
        const { startedAt, ...rest } = head;
        await em.upsert(OptimizerRunEntity, { ...rest, startedAt: new Date(startedAt), notices: workload.notices, finalists: null });
        const rows = [...workload.statements.map(judgeable), ...workload.notJudged.map(unjudged)];
        if (rows.length > 0)
          await em.insertMany(
            OptimizerStatementEntity,
            rows.map((row, position) => ({ run: head.id, position, ...row })),
          );
      }),
    load: (run) => loadRun(control, run),
    sourceOf: async (id) => (await control.em().findOne(OptimizerRunEntity, { id }, { fields: ['source'] }))?.source ?? null,
    notJudged: async (run, statements) => {
      for (const { statement, reason, detail } of statements) {
        await control.em().nativeUpdate(OptimizerStatementEntity, { run, id: statement }, { reason, detail });
      }
    },
    saveSnapshot: async (run, place, { cluster, snapshot }) => {
      // of an earlier look only the counts are needed; a text that is no plan's may hold a password
      const document = { ...snapshot, statements: snapshot.statements.map((row) => ({ ...row, text: '' })) };
      await control.em().upsert(OptimizerSnapshotEntity, { run, place, cluster, takenAt: new Date(snapshot.takenAt), document });
      const kept = await control.em().find(OptimizerSnapshotEntity, { cluster }, { orderBy: { takenAt: 'desc' }, limit: SNAPSHOTS, fields: ['takenAt'] });
      const oldest = kept.at(-1)?.takenAt;
      if (kept.length === SNAPSHOTS && oldest !== undefined) await control.em().nativeDelete(OptimizerSnapshotEntity, { cluster, takenAt: { $lt: oldest } });
    },
    earlierSnapshot: async (run, which, cluster) => {
      const where = which === 'begin' ? { run, place: 'begin' as const } : { cluster, place: 'end' as const, run: { $ne: run } };
      const [row] = await control.em().find(OptimizerSnapshotEntity, where, { orderBy: { takenAt: 'desc' }, limit: 1 });
      return row?.document ?? null;
    },
    saveFinalists: async (run, finalists) => {
      await control.em().nativeUpdate(OptimizerRunEntity, { id: run }, { finalists });
    },
    proposalsMeasured: async (run) => {
      const found = await control.em().findOne(OptimizerRunEntity, { id: run });
      return (found?.finalists ?? []).flatMap(({ proposedBy }) => proposedBy ?? []);
    },
    saveExperiment: async (run, document, decision) => {
      await control.em().upsert(ExperimentEntity, { id: document.id, run, proof: document.proofId, measuredAt: new Date(), document, decision });
    },
    gains: (cluster) => readGains(control, cluster),
    concludeRun: async (run, { outcome, because, endedAt }) => {
      await control.em().nativeUpdate(OptimizerRunEntity, { id: run }, { outcome, because, endedAt: new Date(endedAt) });
    },
  };
}

async function loadRun(control: Control, id: string): Promise<StoredRun> {
  const em = control.em();
  const run = await em.findOne(OptimizerRunEntity, { id });
  if (run === null) throw new AssayError('internal', { reason: `no run ${id} of the optimizer in the control database` });
  const rows = await em.find(OptimizerStatementEntity, { run: id, reason: null }, { orderBy: { position: 'asc' } });
  const { cluster, database, owner, source, startedAt, settings, finalists } = run;
  return {
    ...{ id, cluster, database, owner, source, settings },
    startedAt: startedAt.toISOString(),
    statements: rows.flatMap(({ statement }) => statement ?? []),
    finalists: finalists ?? [],
  };
}

const judgeable = (statement: Statement) => ({ id: statement.id, statement, reason: null, detail: null, counts: null });
const unjudged = ({ statement: id, reason, detail, counts }: NotJudged) => ({ id, statement: null, reason, detail, counts: counts ?? null });
