/** What pg_controldata says of a data directory, whether its server runs or not. */
import { join } from 'node:path';
import type { OsUser } from '../../os-user.ts';
import { run } from '../../process.ts';

export interface ControlData {
  readonly systemIdentifier: string;
  readonly state: string;
  readonly timeline: number;
  /** 0: the cluster has no page checksums. */
  readonly checksumVersion: number;
  /** Settings a standby must not have lower than its source, else it refuses to open or stops replaying. */
  readonly minimum: Readonly<
    Record<'max_connections' | 'max_worker_processes' | 'max_wal_senders' | 'max_prepared_transactions' | 'max_locks_per_transaction', number>
  >;
  readonly trackCommitTimestamp: boolean;
  /** `initdb --wal-segsize`. */
  readonly walSegmentBytes: number;
}

/** Pure: from the output in the C locale. */
export function parseControlData(output: string): ControlData {
  const fields = new Map(output.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
  const number = (name: string) => Number.parseInt(fields.get(name) ?? '0', 10);
  return {
    systemIdentifier: fields.get('Database system identifier') ?? '',
    state: fields.get('Database cluster state') ?? '',
    timeline: number("Latest checkpoint's TimeLineID"),
    checksumVersion: number('Data page checksum version'),
    minimum: {
      max_connections: number('max_connections setting'),
      max_worker_processes: number('max_worker_processes setting'),
      max_wal_senders: number('max_wal_senders setting'),
      max_prepared_transactions: number('max_prepared_xacts setting'),
      max_locks_per_transaction: number('max_locks_per_xact setting'),
    },
    trackCommitTimestamp: fields.get('track_commit_timestamp setting') === 'on',
    walSegmentBytes: number('Bytes per WAL segment'),
  };
}

export async function readControlData(binaries: string, dataDirectory: string, as: OsUser): Promise<ControlData> {
  const { stdout } = await run({ argv: [join(binaries, 'pg_controldata'), '-D', dataDirectory], as, env: { LC_ALL: 'C' }, deadlineMs: 10_000 });
  return parseControlData(stdout);
}
