/** A backup as the engine's catalogue last described it. The repository is the truth; this is what lists and gauges read. */
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { BackupRecord } from '../domain/backup/model.ts';

export const BackupEntity = defineEntity({
  name: 'Backup',
  tableName: 'backup',
  properties: {
    cluster: p.text().primary(),
    repository: p.integer().primary(),
    label: p.text().primary(),
    type: p.text(),
    stoppedAt: p.datetime(),
    requestKey: p.text().nullable(),
    record: p.json<BackupRecord>(),
  },
});
export type BackupEntity = InferEntity<typeof BackupEntity>;
