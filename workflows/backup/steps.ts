/** The backup agent's steps as workflows call them: on the cluster's own host, each with the time-out and retry profile it needs. */
import { proxyActivities } from '@temporalio/workflow';
import type { BackupSteps } from '../../activities/backup/steps.ts';
import type { FleetSteps } from '../../activities/fleet/steps.ts';
import { fleetQueue, hostQueue } from '../../domain/ids.ts';
import { always, long, quick, waiting } from '../options.ts';

/** Needs only the control database and Temporal: any worker does it. */
export const fleetSteps = proxyActivities<FleetSteps>({ ...quick, taskQueue: fleetQueue });

export function backupSteps(host: string): BackupSteps {
  const taskQueue = hostQueue(host);
  const quickly = proxyActivities<BackupSteps>({ ...quick, taskQueue });
  const patiently = proxyActivities<BackupSteps>({ ...waiting, taskQueue });
  const long_ = proxyActivities<BackupSteps>({ ...long, taskQueue });
  const surely = proxyActivities<BackupSteps>({ ...always, taskQueue });
  return {
    preflight: patiently.preflight,
    takeBackup: long_.takeBackup,
    makeMarkers: long_.makeMarkers,
    awaitArchived: patiently.awaitArchived,
    createRestorePoint: patiently.createRestorePoint,
    // a restore point may have to be looked for in much WAL
    planProof: patiently.planProof,
    inspectRepository: patiently.inspectRepository,
    openClone: quickly.openClone,
    restoreClone: long_.restoreClone,
    recoverClone: long_.recoverClone,
    compareContent: long_.compareContent,
    surveyClone: quickly.surveyClone,
    checkStructure: long_.checkStructure,
    serveClone: quickly.serveClone,
    diagnose: patiently.diagnose,
    certify: surely.certify,
    wipeClone: surely.wipeClone,
    unpin: surely.unpin,
    planLab: patiently.planLab,
    openLab: quickly.openLab,
    promoteClone: patiently.promoteClone,
    decideExpiry: quickly.decideExpiry,
    expireBackups: long_.expireBackups,
    pruneMarkers: long_.pruneMarkers,
    reportStatus: quickly.reportStatus,
  };
}
