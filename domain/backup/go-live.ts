/** What is left for a person to do after a restore: the restored cluster is private, and its archiving is off. Pure. */
import type { ClusterPolicy } from '../policy.ts';
import { shellWord } from '../shell-word.ts';

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
  const { connection, engine, clone } = policy;
  const session = `psql -h ${shellWord(`${directory}/socket`)} -p ${clonePort}`;
  const pgCtl = clone.binaries === null ? 'pg_ctl' : shellWord(`${clone.binaries}/pg_ctl`);
  return {
    directory,
    dataDirectory,
    socket: `${directory}/socket`,
    port: clonePort,
    // each command stands at the end of its step, as it is typed
    goLive: [
      `look at it; this and what follows as the owner of ${directory}, which lets nobody else in (as root: sudo -u OWNER): ${session} -U ${shellWord(connection.user)} -d ${shellWord(connection.database)}`,
      `stop the old primary for good and move its data directory away: two clusters must never write to one archive`,
      `archiving is off here; let it be on from the next start, as a superuser (-U NAME where that is another name than the owner's): ${session} -d ${shellWord(connection.database)} -c 'alter system set archive_mode = on'`,
      `stop it (Debian has pg_ctl in /usr/lib/postgresql/MAJOR/bin): ${pgCtl} -D ${shellWord(dataDirectory)} -m fast stop`,
      `move ${dataDirectory} to where the service expects it; keep ${directory}: tablespaces stay in ${directory}/ts, where the links in pg_tblspc lead`,
      `start it as the service does, with its own postgresql.conf and pg_hba.conf; archive_command must push to stanza ${engine.stanza}, which takes the new timeline as it is`,
      `take a full backup at once, since it has a timeline of its own: assay backup run ${policy.cluster} --type full`,
    ],
  };
}
