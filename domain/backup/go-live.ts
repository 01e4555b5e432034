/** What is left for a person to do after a restore: the restored cluster is private, and its archiving is off. Pure. */
import type { ClusterPolicy } from '../policy.ts';

export interface GoLive {
  /** Folder that was asked for. */
  readonly directory: string;
  /** Data directory in it. */
  readonly dataDirectory: string;
  /** Folder of its Unix socket; the only way in. */
  readonly socket: string;
  readonly port: number;
  /** In order. */
  readonly goLive: readonly string[];
}

/** Port of every clone: its socket lies in a folder of its own, so ports never meet. */
export const clonePort = 5432;

export function goLive(directory: string, policy: ClusterPolicy): GoLive {
  const dataDirectory = `${directory}/data`;
  return {
    directory,
    dataDirectory,
    socket: `${directory}/socket`,
    port: clonePort,
    goLive: [
      `look at it: psql -h ${directory}/socket -p ${clonePort} -U ${policy.connection.user} ${policy.connection.database}`,
      `stop it: pg_ctl -D ${dataDirectory} stop`,
      `put ${dataDirectory} (and ${directory}/ts, if there are tablespaces) where the service expects it, with the service's own postgresql.conf and pg_hba.conf`,
      `archiving is off: start it with archive_mode = on and an archive_command of stanza ${policy.engine.stanza} only once the old primary is gone for good`,
      'take a full backup at once: the restored cluster has a timeline of its own',
    ],
  };
}
