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
  const { connection, engine } = policy;
  const session = `psql -h ${quoted(`${directory}/socket`)} -p ${clonePort}`;
  return {
    directory,
    dataDirectory,
    socket: `${directory}/socket`,
    port: clonePort,
    goLive: [
      `look at it, as the owner of its folder, which lets nobody else in: ${session} -U ${connection.user} ${connection.database}`,
      `archiving is off; once the old primary is gone for good (two clusters must never write to one archive), as a superuser: ${session} -c 'alter system set archive_mode = on'`,
      `stop it: pg_ctl -D ${quoted(dataDirectory)} stop`,
      `put ${dataDirectory} where the service expects it; tablespaces stay in ${directory}/ts, where the links in pg_tblspc lead`,
      `start it with the service's own postgresql.conf and pg_hba.conf, and the archive_command of stanza ${engine.stanza}`,
      `take a full backup at once, since it has a timeline of its own: assay backup run ${policy.cluster} --type full`,
    ],
  };
}

const quoted = (path: string) => (/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path}'`);
