/** Moves the control schema forward: one worker at a time, never backwards, never from a version this worker does not know. */
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { AssayError } from '../../domain/errors.ts';
import { controlSchema } from '../../entities/all.ts';
import { knownVersion } from '../../entities/migrations/all.ts';

/** Key of the advisory lock: `assay` in ASCII. */
const MIGRATION_LOCK = 0x61_73_73_61_79;

/** Idempotent. A second worker waits for the first, then finds nothing to do. Throws schema-newer. */
export async function migrateControl(orm: MikroORM): Promise<{ from: number; to: number }> {
  return orm.em.fork().transactional(async (lock) => {
    // this transaction only holds the lock; the migrator works on connections of its own
    await lock.execute(`select pg_advisory_xact_lock(${MIGRATION_LOCK})`);
    const from = await schemaVersion(lock);
    if (from > knownVersion) throw new AssayError('schema-newer', { found: from, known: knownVersion });
    if (from === knownVersion) return { from, to: from };
    await orm.em.fork().execute(`create schema if not exists ${controlSchema}`);
    await orm.migrator.up();
    return { from, to: knownVersion };
  });
}

/** 0 where nothing was migrated yet. */
export async function schemaVersion(em: EntityManager): Promise<number> {
  const table = `${controlSchema}.schema_version`;
  const [exists] = await em.execute<{ found: boolean }[]>('select to_regclass(?) is not null as found', [table]);
  if (exists?.found !== true) return 0;
  const [newest] = await em.execute<{ version: number | null }[]>(`select max(version) as version from ${table}`);
  return newest?.version ?? 0;
}
