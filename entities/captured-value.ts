/** Values that a statement was really sent with, encrypted by a key that is not in this database. */
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

export const CapturedValueEntity = defineEntity({
  name: 'CapturedValue',
  tableName: 'captured_value',
  properties: {
    cluster: p.text().primary(),
    database: p.text().primary(),
    /** PostgreSQL's queryid. */
    statement: p.text().primary(),
    /** Keyed digest of the values: the same ones are kept once. */
    digest: p.text().primary(),
    capturedAt: p.datetime(),
    expiresAt: p.datetime(),
    /** AES-256-GCM, base64. */
    sealed: p.text(),
  },
});
export type CapturedValueEntity = InferEntity<typeof CapturedValueEntity>;
