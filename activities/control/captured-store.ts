/** Captured values in the control database. */
import { CapturedValueEntity } from '../../entities/captured-value.ts';
import type { CapturedStore } from '../optimizer/capture/store.ts';
import type { Control } from './control-database.ts';

export function createCapturedStore(control: Control): CapturedStore {
  return {
    save: async (rows, most) => {
      const em = control.em();
      await em.nativeDelete(CapturedValueEntity, { expiresAt: { $lt: new Date() } });
      if (rows.length === 0) return;
      await em.upsertMany(CapturedValueEntity, [...rows], { onConflictAction: 'ignore' });
      await em.execute(
        `delete from assay_control.captured_value v using (
           select cluster, database, statement, digest, row_number() over (partition by cluster, database, statement order by captured_at desc, digest) as place
           from assay_control.captured_value where cluster = ?) ranked
         where ranked.place > ? and (v.cluster, v.database, v.statement, v.digest) = (ranked.cluster, ranked.database, ranked.statement, ranked.digest)`,
        [rows[0]?.cluster, most],
      );
    },
    load: ({ cluster, database }, until) =>
      control
        .em()
        .find(
          CapturedValueEntity,
          { cluster, database, capturedAt: { $lte: until }, expiresAt: { $gt: new Date() } },
          { orderBy: { statement: 'asc', capturedAt: 'desc', digest: 'asc' } },
        ),
    drop: async (cluster) => {
      await control.em().nativeDelete(CapturedValueEntity, { cluster });
    },
    dropExpired: async () => {
      await control.em().nativeDelete(CapturedValueEntity, { expiresAt: { $lt: new Date() } });
    },
  };
}
