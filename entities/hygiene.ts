/** Indexes of a source as they were seen from run to run, and what a run found about them. */
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { HygieneReport } from '../domain/optimizer/hygiene-report.ts';

export const IndexUseEntity = defineEntity({
  name: 'IndexUse',
  tableName: 'index_use',
  properties: {
    cluster: p.text().primary(),
    database: p.text().primary(),
    /** Schema and name, as `indexKey` writes them. */
    name: p.text().primary(),
    /** Of the definition; another one is another index. */
    digest: p.text(),
    firstSeenAt: p.datetime(),
    usedAt: p.datetime().nullable(),
    scans: p.bigint('number'),
    seenAt: p.datetime(),
  },
});
export type IndexUseEntity = InferEntity<typeof IndexUseEntity>;

export const HygieneReportEntity = defineEntity({
  name: 'HygieneReport',
  tableName: 'hygiene_report',
  properties: {
    run: p.text().primary(),
    cluster: p.text(),
    database: p.text(),
    at: p.datetime(),
    document: p.json<HygieneReport>(),
  },
});
export type HygieneReportEntity = InferEntity<typeof HygieneReportEntity>;
