/**
 * Replaying CREATE TABLESPACE makes PostgreSQL link to the location of the *source* and write there: on the source's own host a clone
 * would then change the source's files. So each segment is looked through before it is replayed, and recovery ends where one holds such
 * a record. Tablespaces that were there when the backup was made are no danger: the engine maps them into the clone.
 * Source: create_tablespace_directories in tablespace.c, which only expects another machine; RestoreArchivedFile in xlogarchive.c.
 */
import { join } from 'node:path';
import type { RecoveryTarget } from '../../../domain/backup/model.ts';
import { AssayError } from '../../../domain/errors.ts';
import type { CloneFolders } from './layout.ts';

/** PostgreSQL gives up at once on a restore_command that ends with more than 125; anything less means "no such segment". */
const GIVE_UP = 200;
const CREATED = /rmgr: Tablespace .*desc: CREATE \d+ "(.*)"/;

export const lookScript = (folders: CloneFolders): string => join(folders.conf, 'look.sh');

/** The engine's restore_command with the look after it. PostgreSQL runs it through a shell, in the data directory. */
export const guardedRestoreCommand = (command: string, folders: CloneFolders): string =>
  `${command} && set -- %f "%p" && . ${quoted(lookScript(folders)).replaceAll('%', '%%')}`;

/**
 * Looks through segment $1 that lies at $2: some 15 ms for 16 MB. Records from the target on are never replayed, though the segment may be
 * read ahead of it: for an exclusive LSN they do not count. Positions are padded to compare as text: 64 bits are too many for awk.
 */
export function lookText(target: RecoveryTarget, { binaries, folders }: { readonly binaries: string; readonly folders: CloneFolders }): string {
  const until = target.kind === 'lsn' && target.exclusive ? target.lsn : '';
  return `# pg_waldump insists on a segment's name, and PostgreSQL asks for another one
named=${quoted(folders.lookedAt)}/"$1"
ln -sf "$PWD/$2" "$named"
records=$(${quoted(join(binaries, 'pg_waldump'))} --rmgr=Tablespace "$named" 2>/dev/null)
rm -f "$named"
if [ -z "$records" ]; then exit 0; fi
printf '%s\\n' "$records" | awk -v until=${quoted(until)} '
  function padded(lsn,  parts) { split(lsn, parts, "/"); return substr("00000000" parts[1], length(parts[1]) + 1) substr("00000000" parts[2], length(parts[2]) + 1) }
  /desc: CREATE/ { at = $0; sub(/.*lsn: /, "", at); sub(/,.*/, "", at); if (until == "" || padded(at) < padded(until)) { print; found = 1 } }
  END { exit !found }' >&2 && exit ${GIVE_UP}
exit 0
`;
}

/** Where a segment wanted to create a tablespace; null: none did. */
export function refusedTablespace(log: string, clone: string): AssayError | null {
  const location = CREATED.exec(log)?.[1];
  if (location === undefined) return null;
  return new AssayError('refused-by-guard', {
    what: `further recovery of clone ${clone}`,
    reason: `the WAL creates a tablespace at ${location}, which lies outside of the clone`,
    hint: 'take a new backup: what is restored from it begins after that',
    cause: 'clone-start-failed',
  });
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
