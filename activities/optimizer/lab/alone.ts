/** A lab belongs to one run: whatever else is connected to it is an attempt that died, or was given up, with its locks still held. */
import type pg from 'pg';

const PATIENCE_MS = 10_000;

/** Ends every other session of this database of the lab, and waits until each is gone. */
export async function endOtherSessions(client: pg.Client): Promise<void> {
  await client.query(
    `/* assay optimizer */ select pg_catalog.pg_terminate_backend(pid, $1) from pg_catalog.pg_stat_activity
      where datname = pg_catalog.current_database() and backend_type = 'client backend' and pid <> pg_catalog.pg_backend_pid()`,
    [PATIENCE_MS],
  );
}
