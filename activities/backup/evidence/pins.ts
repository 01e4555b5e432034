/** Backups that a clone or a restore in progress needs. */
import { PinEntity } from '../../../entities/pin.ts';
import type { Control } from '../../control/control-database.ts';
import type { EvidenceStore } from '../ports.ts';

/** One owner may pin several labels; `unpin` lets all of that owner's go. */
export function pinStore(control: Control): Pick<EvidenceStore, 'pinned' | 'pin' | 'unpin'> {
  return {
    pinned: async (cluster) => {
      const rows = await control.em().find(PinEntity, { cluster }, { orderBy: { label: 'asc' } });
      return [...new Set(rows.map((row) => row.label))];
    },
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
