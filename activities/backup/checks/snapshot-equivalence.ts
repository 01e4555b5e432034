/** Does the paused clone show exactly the transactions that the marker saw? Only then may contents be compared. */
import type pg from 'pg';
import type { Marker, ReachedPoint } from '../../../domain/backup/model.ts';
import { decideEquivalence, parseSnapshot, rangeToAsk } from '../../../domain/backup/snapshot.ts';
import { readSnapshot, readStatusRuns } from '../marker/transaction-status.ts';
import { isSamePlace } from './arrival.ts';
import type { Finding } from './result.ts';

export async function snapshotEquivalence(client: pg.ClientBase, marker: Marker, reached: ReachedPoint): Promise<Finding> {
  if (!isSamePlace(marker.lsn, reached.replayLsn)) {
    return { outcome: 'unusable', cause: 'marker-unusable', because: [`the marker is of LSN ${marker.lsn}, the clone stands at ${reached.replayLsn}`] };
  }
  const { rows } = await client.query<{ oid: string }>(
    '/* assay backup */ select oid::int8 as oid from pg_catalog.pg_database where datname = current_database()',
  );
  const here = Number(rows[0]?.oid);
  if (marker.databaseOid !== undefined && marker.databaseOid !== here) {
    const because = `the marker is of another database ${marker.database} (oid ${marker.databaseOid}, on the clone ${here})`;
    return { outcome: 'unusable', cause: 'marker-unusable', because: [because] };
  }
  const snapshot = parseSnapshot(marker.snapshot);
  const onClone = await readSnapshot(client);
  const runs = await readStatusRuns(client, rangeToAsk(snapshot, onClone));
  const { verdict, because } = decideEquivalence(snapshot, { snapshot: onClone, runs });
  return verdict === 'equal' ? { outcome: 'passed', because } : { outcome: 'unusable', cause: 'marker-unusable', because };
}
