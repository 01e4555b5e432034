/** Backups that a clone or a restore in progress needs. */

import { pinnedLabels } from '../../../domain/backup/pins.ts';
import { PinEntity } from '../../../entities/pin.ts';
import type { Control } from '../../control/control-database.ts';
import type { EvidenceStore } from '../ports.ts';

/** One owner may pin several labels; `unpin` lets all of that owner's go. */
export function pinStore(control: Control): Pick<EvidenceStore, 'pins' | 'pinned' | 'pin' | 'unpin'> {
  const pins = async (cluster: string) => (await control.em().find(PinEntity, { cluster })).map(({ owner, label }) => ({ owner, label }));
  return {
    pins,
    pinned: async (cluster) => pinnedLabels(await pins(cluster)),
    pin: async (cluster, owner, labels) => {
      const pinnedAt = new Date();
      await control.em().upsertMany(
        PinEntity,
        labels.map((label) => ({ cluster, owner, label, pinnedAt })),
      );
    },
    unpin: async (cluster, owner) => {
      await control.em().nativeDelete(PinEntity, { cluster, owner });
    },
  };
}
