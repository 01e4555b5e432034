/** The backup engine on pgBackRest (2.45 and newer): its commands, in the order of a backup's life. */
import type { Observe } from '../../../domain/observation.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import type { BackupEngine } from './engine.ts';
import { readArchive, readHistories } from './pgbackrest/archive.ts';
import { makeBackup } from './pgbackrest/backup.ts';
import { type Engine, openEngine, readVersion } from './pgbackrest/command.ts';
import { findDamagedSegments } from './pgbackrest/damage.ts';
import { expireBackups } from './pgbackrest/expire.ts';
import { fetchSegment } from './pgbackrest/fetch-segment.ts';
import { shutFolders } from './pgbackrest/folders.ts';
import { readInfo } from './pgbackrest/info.ts';
import { compareManifests } from './pgbackrest/manifests.ts';
import { restoreArgv, restoreBackup } from './pgbackrest/restore.ts';
import { createStanza } from './pgbackrest/stanza.ts';
import { verifyRepository } from './pgbackrest/verify.ts';

export interface EngineDependencies {
  readonly observe: Observe;
}

/** Reads pgbackrest.conf when first used and keeps what it read. Nothing here ever writes it. */
export function pgbackrest(policy: ClusterPolicy, { observe }: EngineDependencies): BackupEngine {
  let opened: Engine | undefined;
  const engine = () => {
    opened ??= openEngine(policy, observe);
    return opened;
  };
  return {
    stanza: policy.engine.stanza,
    version: async () => readVersion(engine()),
    repositories: async () => engine().config.repositories,
    shutFolders: async () => shutFolders(engine()),
    info: async (repository) => readInfo(engine(), repository),
    archive: async (repository, since) => readArchive(engine(), repository, since),
    timelines: async (repository) => readHistories(engine(), repository),
    backup: async (request, io) => makeBackup(engine(), request, io),
    restore: async (request, io) => restoreBackup(engine(), request, io),
    restoreCommand: (request) => restoreArgv(engine(), request),
    manifestCopies: async (repository, label) => compareManifests(engine(), repository, label),
    damagedSegments: async (repository, segments, io) => findDamagedSegments(engine(), { repository, segments }, io),
    fetchSegment: async (segment, file) => fetchSegment(engine(), segment, file),
    expire: async (repository, labels, dryRun, io) => expireBackups(engine(), { repository, labels, dryRun }, io),
    verify: async (repository, io) => verifyRepository(engine(), repository, io),
    stanzaCreate: async (io) => createStanza(engine(), io),
  };
}
