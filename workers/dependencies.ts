/** What the backup agent's steps are made of: the one place that knows every implementation. */
import { readFileSync } from 'node:fs';
import { createCloneChecks } from '../activities/backup/checks/clone-checks.ts';
import { cloneVersion } from '../activities/backup/clone/binaries.ts';
import { createClones } from '../activities/backup/clone/clones.ts';
import { pgbackrest } from '../activities/backup/engines/pgbackrest.ts';
import { createMarkerMaker } from '../activities/backup/marker/marker-maker.ts';
import type { BackupDependencies, EvidenceStore, MarkerStore } from '../activities/backup/ports.ts';
import { createSource } from '../activities/backup/source/source.ts';
import type { StepIo } from '../activities/io.ts';
import type { Observe } from '../domain/observation.ts';
import { readSecret } from './config.ts';

export const assayVersion: string = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;

export interface Surroundings {
  readonly host: string;
  readonly observe: Observe;
  readonly evidence: EvidenceStore;
  readonly markerStore: MarkerStore;
  readonly io: () => StepIo;
}

export function backupDependencies({ host, observe, evidence, markerStore, io }: Surroundings): BackupDependencies {
  const now = () => new Date();
  return {
    evidence,
    markerStore,
    engineFor: (policy) => pgbackrest(policy, { observe }),
    source: createSource({ readSecret }),
    markerMaker: createMarkerMaker({ readSecret, now, observe }),
    clones: createClones({ host, observe, now }),
    checks: createCloneChecks({ readSecret }),
    cloneVersion,
    observe,
    now,
    io,
    host,
    assayVersion,
  };
}
