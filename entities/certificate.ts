/** A certificate: its exact text, so that a lost evidence folder can be written again byte for byte. */
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

export const CertificateEntity = defineEntity({
  name: 'Certificate',
  tableName: 'certificate',
  properties: {
    proof: p.text().primary(),
    cluster: p.text(),
    sequence: p.integer(),
    hash: p.text(),
    previous: p.text().nullable(),
    jsonPath: p.text(),
    htmlPath: p.text(),
    issuedAt: p.datetime(),
    document: p.text().lazy(),
  },
});
export type CertificateEntity = InferEntity<typeof CertificateEntity>;
