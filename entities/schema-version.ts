/** Every version the control schema has had, with the moment it came. A worker refuses one it does not know. */
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

export const SchemaVersionEntity = defineEntity({
  name: 'SchemaVersion',
  tableName: 'schema_version',
  properties: {
    version: p.integer().primary(),
    migratedAt: p.datetime(),
  },
});
export type SchemaVersionEntity = InferEntity<typeof SchemaVersionEntity>;
