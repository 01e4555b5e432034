/** Values that a statement was really sent with, encrypted by a key that is not in this database. */
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

export const CapturedValueEntity = defineEntity({
  name: 'CapturedValue',
  tableName: 'captured_value',
  properties: {
    cluster: p.text().primary(),
    database: p.text().primary(),
    /** Digest of the statement's text without its constants. */
    shape: p.text().primary(),
    /** Keyed digest of the values: the same ones are kept once a day. */
    digest: p.text().primary(),
    /** PostgreSQL's queryid, where it was told. */
    queryId: p.text().nullable(),
    capturedAt: p.datetime(),
    /** Day of the key. */
    keyId: p.text(),
    /** AES-256-GCM, base64. */
    sealed: p.text(),
  },
});
export type CapturedValueEntity = InferEntity<typeof CapturedValueEntity>;
