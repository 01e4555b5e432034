/** Does WAL really come to the repository? What the server believes does not count. */
import { setTimeout } from 'node:timers/promises';
import { type Lsn, segmentAt, segmentName } from '../../domain/backup/lsn.ts';
import { reasonOf } from '../../domain/errors.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { ClusterFacts } from './cluster-facts.ts';
import { type Finding, fault, ok, warning } from './line.ts';
import type { DoctorDependencies } from './ports.ts';

/** `logical` allows markers without any lock; `replica` is enough for backups. */
export function checkWalLevel({ settings }: ClusterFacts): Finding {
  const name = 'wal-level';
  const level = settings.wal_level;
  if (level === 'logical') return ok(name, 'wal_level is logical: markers are always made without a lock');
  if (level === 'replica') {
    return warning(
      name,
      'wal_level is replica: where writers leave no quiet moment, a marker needs a short lock on each table',
      'alter system set wal_level = logical, then restart, if content proofs of a busy cluster matter',
    );
  }
  return fault(name, `wal_level is ${level}: nothing can be recovered from its WAL`, 'alter system set wal_level = logical (or replica), then restart');
}

export function checkArchiveMode({ settings, pendingRestart }: ClusterFacts): Finding {
  const name = 'archive-mode';
  const mode = settings.archive_mode;
  if (pendingRestart.includes('archive_mode')) return fault(name, `archive_mode is ${mode} until the server restarts`, 'restart the server');
  if (mode === 'off') return fault(name, 'archive_mode is off: no WAL is archived', 'alter system set archive_mode = on, then restart');
  return ok(name, `archive_mode is ${mode}`);
}

/** A quiet cluster fills its segment slowly: until then nothing of it is archived. */
export function checkArchiveTimeout({ settings, segmentBytes }: ClusterFacts, { objectives }: ClusterPolicy): Finding {
  const name = 'archive-timeout';
  const seconds = Number(settings.archive_timeout ?? 0);
  const way = "alter system set archive_timeout = '60s', then select pg_reload_conf()";
  if (seconds === 0) return warning(name, `archive_timeout is 0: what is written stays unarchived until ${segmentBytes / 1024 ** 2} MB are full`, way);
  if (objectives.rpoMs !== null && seconds * 1000 > objectives.rpoMs)
    return warning(name, `archive_timeout is ${seconds} s, objectives.rpo ${objectives.rpoMs / 1000} s: the objective cannot be held`, way);
  return ok(name, `a segment is archived after ${seconds} s at the latest`);
}

/** It must push to the stanza of the policy; Assay itself is never in it, and never writes it. */
export function checkArchiveCommand({ settings }: ClusterFacts, { engine }: ClusterPolicy): Finding {
  const name = 'archive-command';
  const command = settings.archive_command ?? '';
  const way = `alter system set archive_command = '${engine.binary} --config=${engine.config} --stanza=${engine.stanza} archive-push %p', then select pg_reload_conf()`;
  if ((settings.archive_library ?? '') !== '') return warning(name, `archive_library ${settings.archive_library} archives, not pgBackRest`, way);
  if (command === '' || command === '(disabled)') return fault(name, 'archive_command is empty', way);
  if (!/\barchive-push\b/.test(command)) return fault(name, 'archive_command does not run `pgbackrest archive-push`', way);
  const stanza = /--stanza[= ]['"]?([^\s'"]+)/.exec(command)?.[1];
  if (stanza !== undefined && stanza !== engine.stanza)
    return fault(name, `archive_command pushes to stanza ${stanza}, the policy says ${engine.stanza}`, `correct pgbackrest.stanza in the policy, or ${way}`);
  const config = /--config[= ]['"]?([^\s'"]+)/.exec(command)?.[1];
  if (config !== undefined && config !== engine.config)
    return warning(
      name,
      `archive_command reads ${config}, the policy ${engine.config}`,
      'name the same file in pgbackrest.config, or be sure that both mean one repository',
    );
  return ok(name, `archive_command pushes to stanza ${stanza ?? '(of its configuration)'}`);
}

/** pg_stat_archiver only ever says what the command said. */
export function checkArchiver({ archiver }: ClusterFacts): Finding {
  const name = 'archiver';
  if (!archiver.failing) return ok(name, `the server has archived up to ${archiver.lastArchived ?? 'nothing yet'}`);
  return fault(
    name,
    `archive_command fails: ${archiver.lastFailed} (${archiver.failed} failures), pg_wal grows`,
    "read the server's log for the engine's own message",
  );
}

/** The segment before the one being written must lie in every repository. Waits for one that is under way. */
export async function checkArchivingArrives(dependencies: DoctorDependencies, facts: ClusterFacts, policy: ClusterPolicy): Promise<readonly Finding[]> {
  const name = 'archiving-arrives';
  const wanted = lastWholeSegment(facts.insertLsn, facts.timeline, facts.segmentBytes);
  if (wanted === null) return [ok(name, 'no segment was finished yet')];
  const until = dependencies.now().getTime() + (dependencies.archivePatienceMs ?? 10_000);
  const repositories = await dependencies.engine.repositories(policy);
  const { archiver } = facts;
  return Promise.all(repositories.map((repository) => arrives(dependencies, { policy, repository, wanted, archiver, until })));
}

async function arrives(dependencies: DoctorDependencies, question: ArrivalQuestion & { readonly until: number }): Promise<Finding> {
  const { policy, repository, wanted, until } = question;
  const name = 'archiving-arrives';
  try {
    for (;;) {
      const newest = (await dependencies.engine.archive(policy, repository)).at(-1)?.name ?? null;
      if (newest !== null && newest >= wanted) return ok(name, `repository ${repository} has ${newest}; the source has finished ${wanted}`);
      if (dependencies.now().getTime() >= until) return missed(question, newest);
      await setTimeout(250);
    }
  } catch (error) {
    return fault(name, `repository ${repository} could not be read: ${reasonOf(error)}`, 'check its path or endpoint, its credentials and its cipher key');
  }
}

export interface ArrivalQuestion {
  readonly policy: ClusterPolicy;
  readonly repository: number;
  /** Segment that the source has finished. */
  readonly wanted: string;
  readonly archiver: ClusterFacts['archiver'];
}

/** Pure. What was finished before archiving was turned on is never archived: where nothing was tried yet, nothing is wrong yet. */
export function missed({ policy, repository, wanted, archiver }: ArrivalQuestion, newest: string | null): Finding {
  const name = 'archiving-arrives';
  if (newest === null && archiver.lastArchived === null && archiver.failed === 0)
    return warning(
      name,
      `nothing was archived yet, neither well nor badly: repository ${repository} has no segment`,
      'select pg_switch_wal(), then look again',
    );
  return fault(
    name,
    `repository ${repository} has ${newest ?? 'no segment'}, the source has finished ${wanted}, whatever pg_stat_archiver says`,
    `see the engine's log, and run \`${policy.engine.binary} --config=${policy.engine.config} --stanza=${policy.engine.stanza} check\``,
  );
}

/** null before there is one. */
export function lastWholeSegment(insertLsn: Lsn, timeline: number, segmentBytes: number): string | null {
  const current = segmentAt(insertLsn, timeline, segmentBytes);
  // numbering starts at 1 in a new cluster: segment 0 never exists
  return current.number <= 1 ? null : segmentName({ timeline, number: current.number - 1 }, segmentBytes);
}

export function checkChecksums({ settings }: ClusterFacts): Finding {
  const name = 'checksums';
  if (settings.data_checksums === 'on') return ok(name, 'data checksums are on');
  return warning(name, 'data checksums are off: damaged pages are backed up unnoticed', 'stop the server, run `pg_checksums --enable`, start it again');
}

/** Stanza, system identifier and cipher key fit. */
export async function checkRepositories(dependencies: DoctorDependencies, facts: ClusterFacts, policy: ClusterPolicy): Promise<readonly Finding[]> {
  const name = 'repository';
  const repositories = await dependencies.engine.repositories(policy);
  const look = async (repository: number): Promise<Finding> => {
    try {
      const info = await dependencies.engine.info(policy, repository);
      if (info.systemIdentifier !== facts.systemIdentifier) {
        const line = `repository ${repository} was made by system identifier ${info.systemIdentifier}, the cluster has ${facts.systemIdentifier}`;
        return fault(name, line, 'was the cluster replaced? name another stanza, or run `pgbackrest stanza-upgrade`');
      }
      const fulls = info.backups.filter(({ type }) => type === 'full').length;
      return ok(
        name,
        `repository ${repository}: stanza ${info.stanza}, ${info.backups.length} backups (${fulls} full), ${info.encrypted ? 'encrypted' : 'not encrypted'}`,
      );
    } catch (error) {
      return fault(
        name,
        `repository ${repository}: ${reasonOf(error)}`,
        'a missing stanza: `pgbackrest stanza-create`; else check path, endpoint, credentials, cipher key',
      );
    }
  };
  return Promise.all(repositories.map(look));
}
