/**
 * The control database: what the agents know, in the schema `assay_control`. Users may read it; only workers write it.
 * A recovery never needs it.
 */
import { Migrator } from '@mikro-orm/migrations';
import { defineConfig, type EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { AssayError, reasonOf } from '../../domain/errors.ts';
import { applicationName } from '../../domain/ids.ts';
import { controlSchema, entities } from '../../entities/all.ts';
import { migrations } from '../../entities/migrations/all.ts';
import { parseControlUrl } from './control-url.ts';
import { migrateControl } from './migrate.ts';

export interface Control {
  readonly orm: MikroORM;
  /** A fresh unit of work: one per call, never shared. */
  readonly em: () => EntityManager;
  /** Brings the schema to the version this worker knows; many workers may call it at once. Throws schema-newer. */
  readonly migrate: () => Promise<{ readonly from: number; readonly to: number }>;
  readonly close: () => Promise<void>;
}

/** Connects, changes nothing. The URL (see `parseControlUrl`) is a secret and in no error. Throws usage, control-unreachable. */
export async function openControl(url: string): Promise<Control> {
  const { ssl, ...address } = parseControlUrl(url);
  const orm = new MikroORM(
    defineConfig({
      ...address,
      schema: controlSchema,
      entities,
      extensions: [Migrator],
      // what happens here is observed by whoever calls; the ORM itself prints nothing
      logger: () => {},
      allowGlobalContext: false,
      pool: { min: 0, max: 8 },
      driverOptions: { application_name: applicationName('control'), connectionTimeoutMillis: 5_000, ...(ssl === undefined ? {} : { ssl }) },
      migrations: { tableName: `${controlSchema}.migration`, migrationsList: migrations, snapshot: false, snapshotOnMigrate: false, disableForeignKeys: false },
    }),
  );
  try {
    await orm.connect();
    await orm.em.fork().execute('select 1');
  } catch (cause) {
    await orm.close(true).catch(() => {});
    throw new AssayError('control-unreachable', { reason: reasonOf(cause) }, { cause });
  }
  return { orm, em: () => orm.em.fork(), migrate: () => migrateControl(orm), close: () => orm.close(true) };
}
