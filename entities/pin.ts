/** A backup that a clone or a restore in progress needs: retention leaves it alone. */
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

export const PinEntity = defineEntity({
  name: 'Pin',
  tableName: 'pin',
  properties: {
    cluster: p.text().primary(),
    owner: p.text().primary(),
    label: p.text().primary(),
    pinnedAt: p.datetime(),
  },
});
export type PinEntity = InferEntity<typeof PinEntity>;
