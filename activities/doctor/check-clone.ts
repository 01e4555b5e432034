/** Can this host restore and judge a clone of the cluster? What is missing here would make each proof inconclusive. */
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { ClusterFacts, DatabaseFacts } from './cluster-facts.ts';
import { type HostFacts, localeKey } from './host-facts.ts';
import { type Finding, fault, few, ok, warning } from './line.ts';

/** First pgBackRest that knows a major; source: its release notes (doc/xml/release). */
const engineKnows: Readonly<Record<number, string>> = { 14: '2.34', 15: '2.39', 16: '2.46', 17: '2.53.1', 18: '2.55.0' };

/** The engine rejects a server it does not know. */
export function checkEngineVersion({ engineVersion, engineReason }: HostFacts, { versionNumber }: ClusterFacts, { engine }: ClusterPolicy): Finding {
  const name = 'engine-version';
  if (engineVersion === null) return noEngine(name, engine, engineReason);
  const major = Math.floor(versionNumber / 10_000);
  const needed = engineKnows[major];
  const version = engineVersion.replace(/^\D+/, '').trim();
  if (needed === undefined) {
    return warning(
      name,
      `PostgreSQL ${major} was not tried with Assay; pgBackRest here is ${version}`,
      `the majors that were tried are ${Object.keys(engineKnows).join(', ')}`,
    );
  }
  if (compareVersions(version, needed) >= 0) return ok(name, `pgBackRest ${version} backs up PostgreSQL ${major}`);
  return fault(
    name,
    `pgBackRest ${version} cannot back up PostgreSQL ${major}`,
    `install pgBackRest ${needed} or newer (apt.postgresql.org has it), or name it in pgbackrest.binary`,
  );
}

/** A configuration that is not there says nothing against the program. */
function noEngine(name: string, engine: ClusterPolicy['engine'], reason: string | null): Finding {
  if (!reason?.startsWith('reading pgbackrest.conf')) {
    return fault(name, `${engine.binary} does not run: ${reason}`, 'install pgbackrest, or name its program in pgbackrest.binary');
  }
  const way =
    engine.ownership === 'managed'
      ? 'run `assay apply`, which makes it'
      : 'correct pgbackrest.config in the policy, and let the OS user of the server read that file';
  return fault(name, `the engine's configuration ${engine.config} cannot be read: ${reason}`, way);
}

/** A clone needs binaries of the same major, not older than the source's. */
export function checkCloneBinaries({ binaries, looked }: HostFacts, { versionNumber }: ClusterFacts): Finding {
  const name = 'clone-binaries';
  const major = Math.floor(versionNumber / 10_000);
  if (binaries === null)
    return fault(
      name,
      `no PostgreSQL ${major} programs on this host (looked in ${few(looked)})`,
      `install postgresql-${major}, or name their folder in clone.binaries`,
    );
  const { folder, version, missingPrograms } = binaries;
  if (missingPrograms.length > 0) return fault(name, `${folder} lacks ${missingPrograms.join(', ')}`, `install postgresql-${major} whole, contrib included`);
  const minor = versionNumber % 10_000;
  const own = Number(version.split('.')[1] ?? 0);
  if (own < minor)
    return warning(
      name,
      `the server is ${major}.${minor}, clones would run ${version}`,
      `upgrade postgresql-${major} on this host: an older minor may replay WAL with a bug that is mended since`,
    );
  return ok(name, `clones run PostgreSQL ${version} from ${folder}`);
}

/** The same text must be sorted the same way, or indexes of the clone look damaged. */
export function checkCollation({ libc, locales }: HostFacts, { databases }: ClusterFacts): readonly Finding[] {
  const name = 'collation';
  const byLibrary = databases.filter(({ provider, collate }) => provider === 'libc' && !/^(C|POSIX)(\.|$)/.test(collate));
  const stale = databases.filter(
    ({ collationRecorded, collationActual }) => collationRecorded !== null && collationActual !== null && collationRecorded !== collationActual,
  );
  const findings: Finding[] = stale.map(({ name: database, collationRecorded, collationActual }) =>
    warning(
      name,
      `database ${database} was made with collation version ${collationRecorded}, the server now has ${collationActual}: its indexes may be wrong`,
      `reindex database "${database.replaceAll('"', '""')}", then alter database … refresh collation version`,
    ),
  );
  const absent = locales === null ? [] : byLibrary.filter(({ collate }) => !locales.has(localeKey(collate)));
  if (absent.length > 0)
    findings.push(
      fault(
        name,
        `this host lacks the locales of ${few(absent.map(shownLocale))}: a clone would not start`,
        `generate them: localedef or dpkg-reconfigure locales`,
      ),
    );
  const other = libc === null ? [] : byLibrary.filter(({ collationActual }) => collationActual !== null && collationActual !== libc);
  if (other.length > 0) {
    findings.push(
      fault(
        name,
        `this host has C library ${libc}, ${few(other.map(({ name: database, collationActual }) => `${database} is sorted by ${collationActual}`))}: proofs would be inconclusive`,
        "run clones on a host with the server's operating system version",
      ),
    );
  }
  return findings.length > 0
    ? findings
    : [ok(name, byLibrary.length === 0 ? 'no database is sorted by the C library' : `sorted alike here (C library ${libc ?? 'unknown'})`)];
}

const shownLocale = ({ name, collate }: DatabaseFacts) => `${name} (${collate})`;

/** Types and functions of an extension need its library on the clone's host. */
export function checkExtensions({ binaries }: HostFacts, { databases }: ClusterFacts): readonly Finding[] {
  const name = 'extensions';
  const unreadable = databases.filter((database) => database.unreadable !== null);
  const findings: Finding[] = unreadable.map((database) =>
    fault(name, `database ${database.name} cannot be read: ${database.unreadable}`, `grant connect on it, or write it in exclude_databases`),
  );
  const used = [...new Set(databases.flatMap(({ extensions }) => extensions.map((extension) => extension.name)))];
  if (binaries?.extensions === null || binaries === null)
    return [
      ...findings,
      warning(name, `extensions of this host could not be listed; in use: ${few(used)}`, 'install the same extensions here as on the server'),
    ];
  const here = binaries.extensions;
  const missing = used.filter((extension) => !here.has(extension));
  if (missing.length > 0)
    findings.push(
      fault(name, `this host lacks extensions in use: ${few(missing)}`, 'install their packages here too: without their libraries proofs are inconclusive'),
    );
  if (!here.has('amcheck')) findings.push(fault(name, 'this host lacks amcheck', 'install the contrib package of this major'));
  return findings.length > 0 ? findings : [ok(name, `all extensions in use (${few(used)}), and amcheck, are here`)];
}

/** Mapped into the clone's own folder; one note, because people worry. */
export function checkTablespaces({ tablespaces }: ClusterFacts): Finding {
  if (tablespaces.length === 0) return ok('tablespaces', 'no tablespaces');
  return ok('tablespaces', `tablespaces (${few(tablespaces.map(({ name }) => name))}) are mapped into the clone's own folder`);
}

/** A worker finds the server of a clone again by where its process works. */
export function checkCloneProcesses({ seesClones }: HostFacts): Finding {
  const name = 'clone-processes';
  if (seesClones) return ok(name, 'processes of clones can be seen');
  return fault(
    name,
    'this is root without CAP_SYS_PTRACE (a container?): it cannot see the processes of its clones, and no clone would start',
    'run the worker as the owner of the data directory, as docker-compose.yml does, or give it that capability',
  );
}

/** Room for one clone is needed, for clone.max_clones wanted. */
export function checkDisk({ cloneDisk }: HostFacts, { databases }: ClusterFacts, { clone, environment }: ClusterPolicy): readonly Finding[] {
  const name = 'clone-disk';
  const clusterBytes = databases.reduce((sum, { bytes }) => sum + bytes, 0);
  // WAL that is replayed, and room to breathe
  const oneBytes = clusterBytes * 1.2 + 1024 ** 3;
  const line = `${gigabytes(cloneDisk.freeBytes)} free in ${cloneDisk.directory}, the cluster has ${gigabytes(clusterBytes)}`;
  const fix = `free room there, or name a bigger disk in clone.directory (${gigabytes(oneBytes)} a clone)`;
  const room =
    cloneDisk.freeBytes < oneBytes
      ? fault(name, line, fix)
      : cloneDisk.freeBytes < oneBytes * clone.maxClones
        ? warning(name, `${line}: not enough for ${clone.maxClones} clones at a time`, fix)
        : ok(name, line);
  const findings = [room];
  if (!cloneDisk.writable)
    findings.push(
      fault(name, `${cloneDisk.directory} cannot be written by this user`, 'make it for the user of the worker, or name another in clone.directory'),
    );
  if (cloneDisk.shutOut !== null)
    findings.push(
      fault(
        name,
        `OS user ${cloneDisk.shutOut} of the clones cannot enter ${cloneDisk.directory}`,
        'let it pass through the folders above (chmod o+x), or name another in clone.directory',
      ),
    );
  if (cloneDisk.sharesDataDisk && environment === 'production')
    findings.push(warning(name, `clones would fill the disk of the data directory`, 'name a disk of its own in clone.directory'));
  return findings;
}

const gigabytes = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(1)} GB`;

/** Negative where the left is older; `2.45` and `2.53.1`. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [left, right].map((text) => text.split('.').map((part) => Number.parseInt(part, 10) || 0)) as [number[], number[]];
  const at = Array.from({ length: Math.max(a.length, b.length) }, (_, index) => (a[index] ?? 0) - (b[index] ?? 0));
  return at.find((difference) => difference !== 0) ?? 0;
}
