/** A run of the optimizer, and the statements it looked at: texts live here, never in histories. */
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { IndexDefinition, NotJudgedReason, Statement, StatementCounts } from '../domain/optimizer/model.ts';

export const OptimizerRunEntity = defineEntity({
  name: 'OptimizerRun',
  tableName: 'optimizer_run',
  properties: {
    id: p.text().primary(),
    cluster: p.text(),
    database: p.text(),
    /** Workflow id. */
    owner: p.text(),
    source: p.text().$type<'pg_stat_statements' | 'files'>(),
    startedAt: p.datetime(),
    /** Planner settings of the source, by which the lab plans alike. */
    settings: p.json<Readonly<Record<string, string>>>(),
    notices: p.json<readonly string[]>(),
    /** Sets that the search found worth building, best estimate first; null before it. */
    finalists: p
      .json<
        readonly {
          readonly indexes: readonly IndexDefinition[];
          readonly estimatedRatio: number;
          readonly estimatedBytes: number;
          /** Id of the open recommendation that proposes it. */
          readonly proposedBy?: string;
          /** More to choose from by execution, in the last place. */
          readonly isPoolOnly?: boolean;
        }[]
      >()
      .nullable(),
    /** How it ended; null while it goes on, and where it was made before that was kept. */
    outcome: p.text().$type<'recommended' | 'nothing' | 'failed'>().nullable(),
    because: p.json<readonly string[]>().nullable(),
    endedAt: p.datetime().nullable(),
  },
});
export type OptimizerRunEntity = InferEntity<typeof OptimizerRunEntity>;

export const OptimizerStatementEntity = defineEntity({
  name: 'OptimizerStatement',
  tableName: 'optimizer_statement',
  properties: {
    run: p.text().primary(),
    position: p.integer().primary(),
    id: p.text(),
    /** null: it gets no verdict by what it is, and nothing of its text is kept. */
    statement: p.json<Statement>().nullable(),
    reason: p.text().$type<NotJudgedReason>().nullable(),
    detail: p.text().nullable(),
    /** What it did, where `statement` does not say it. */
    counts: p.json<StatementCounts>().nullable(),
  },
});
export type OptimizerStatementEntity = InferEntity<typeof OptimizerStatementEntity>;
