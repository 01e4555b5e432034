/** What hygiene keeps in the control database. */
import { type IndexUse, useNow } from '../../domain/optimizer/index-use.ts';
import { HygieneReportEntity, IndexUseEntity } from '../../entities/hygiene.ts';
import type { HygieneStore } from '../optimizer/hygiene/store.ts';
import type { Control } from './control-database.ts';

/** Reports kept of each database. */
const REPORTS = 20;

export function createHygieneStore(control: Control): HygieneStore {
  return {
    noteIndexes: async ({ cluster, database }, looks, now) => {
      const rows = await control.em().find(IndexUseEntity, { cluster, database, name: { $in: [...looks.keys()] } });
      const before = new Map(rows.map((row) => [row.name, useOf(row)]));
      const uses = new Map([...looks].map(([name, look]) => [name, useNow(before.get(name) ?? null, look, now)]));
      const noted = [...uses].map(([name, { digest, firstSeenAt, usedAt, scans }]) => ({
        ...{ cluster, database, name, digest, scans, seenAt: new Date(now) },
        ...{ firstSeenAt: new Date(firstSeenAt), usedAt: usedAt === null ? null : new Date(usedAt) },
      }));
      if (noted.length > 0) await control.em().upsertMany(IndexUseEntity, noted);
      return uses;
    },
    forgetIndexes: async ({ cluster, database }, before) => {
      await control.em().nativeDelete(IndexUseEntity, { cluster, database, seenAt: { $lt: new Date(before) } });
    },
    saveHygiene: async ({ run, cluster, database, report }) => {
      await control.em().upsert(HygieneReportEntity, { run, cluster, database, at: new Date(report.at), document: report });
      const kept = await control.em().find(HygieneReportEntity, { cluster, database }, { orderBy: { at: 'desc' }, limit: REPORTS, fields: ['at'] });
      const oldest = kept.at(-1)?.at;
      if (kept.length === REPORTS && oldest !== undefined) await control.em().nativeDelete(HygieneReportEntity, { cluster, database, at: { $lt: oldest } });
    },
    findHygiene: async (of) => {
      const [row] = await control.em().find(HygieneReportEntity, of, { orderBy: { at: 'desc' }, limit: 1 });
      return row === undefined ? null : { run: row.run, cluster: row.cluster, database: row.database, report: row.document };
    },
  };
}

const useOf = ({ digest, firstSeenAt, usedAt, scans }: IndexUseEntity): IndexUse => ({
  ...{ digest, scans },
  firstSeenAt: firstSeenAt.toISOString(),
  usedAt: usedAt?.toISOString() ?? null,
});
