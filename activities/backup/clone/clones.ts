/** Clones on this host: open, recover, walk forwards, promote, stop, wipe, sweep. */
import { existsSync } from 'node:fs';
import type { CloneRef } from '../../../domain/backup/model.ts';
import type { Observe } from '../../../domain/observation.ts';
import type { Clones } from '../ports.ts';
import { assertOurs, cloneFoldersIn, foldersOf } from './layout.ts';
import { openFolder, openInto } from './open.ts';
import { promoteClone } from './promote.ts';
import { recoverTo } from './recover.ts';
import { serveClone } from './serve.ts';
import { stopServer } from './server.ts';
import { sweepFolders, wipeFolder } from './wipe.ts';

export interface CloneDependencies {
  /** This host's name as `assay.yaml` says it; clones of another are refused with clone-foreign. */
  readonly host: string;
  readonly observe: Observe;
  readonly now: () => Date;
}

export function createClones({ host, observe, now }: CloneDependencies): Clones {
  const ours = (clone: CloneRef) => {
    assertOurs(clone, host);
    return clone;
  };
  return {
    open: async (policy, id, owner, neededBytes, into = null) => {
      const file = { id, cluster: policy.cluster, owner, host, neededBytes, createdAt: now().toISOString() };
      const directory = await (into === null ? openFolder(policy.clone, file) : openInto(policy.clone, file, into));
      observe({ kind: 'clone-opened', cluster: policy.cluster, clone: id });
      return { id, cluster: policy.cluster, host, directory };
    },
    restoreFolders: (clone) => {
      const { data, tablespaces, lock, spool, log } = foldersOf(clone.directory);
      return { dataDirectory: data, tablespaceDirectory: tablespaces, lockDirectory: lock, spoolDirectory: spool, logDirectory: log };
    },
    start: async (policy, clone, target, io) => recoverTo(policy, ours(clone), target, io),
    walk: async (policy, clone, target, io) => recoverTo(policy, ours(clone), target, io),
    promote: async (policy, clone, io) => promoteClone(policy, ours(clone), io),
    stop: async (_policy, clone) => stopServer(foldersOf(ours(clone).directory)),
    serve: async (policy, clone, io) => serveClone(policy, ours(clone), io),
    list: async (policy) =>
      !existsSync(policy.clone.directory)
        ? []
        : cloneFoldersIn(policy.clone.directory).flatMap(({ file }) =>
            file === null || file.cluster !== policy.cluster ? [] : [{ id: file.id, host: file.host, owner: file.owner, since: file.createdAt }],
          ),
    wipe: async (clone) => {
      await wipeFolder(ours(clone).directory);
      observe({ kind: 'clone-wiped', cluster: clone.cluster, clone: clone.id, swept: false });
    },
    sweep: async (directory, isOwnerRunning) => {
      const swept = await sweepFolders(directory, { host, isOwnerRunning, nowMs: now().getTime() });
      for (const { id, cluster } of swept) observe({ kind: 'clone-wiped', cluster: cluster ?? 'unknown', clone: id, swept: true });
      return swept.map(({ id }) => id);
    },
  };
}
