/** A proof: what lists, retention and gauges ask for as columns, the whole of it as a document. */
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Proof } from '../domain/backup/proof.ts';

export const ProofEntity = defineEntity({
  name: 'Proof',
  tableName: 'proof',
  properties: {
    id: p.text().primary(),
    cluster: p.text(),
    repository: p.integer(),
    /** Label of the restored backup; empty where none could be chosen. */
    backup: p.text(),
    verdict: p.text().$type<'proven' | 'failed' | 'inconclusive'>(),
    level: p.text().$type<'content' | 'structure'>().nullable(),
    cause: p.text().nullable(),
    depth: p.text(),
    provenAt: p.datetime().nullable(),
    finishedAt: p.datetime(),
    document: p.json<Proof>(),
  },
});
export type ProofEntity = InferEntity<typeof ProofEntity>;
