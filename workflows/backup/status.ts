/** What stands: backups, proofs, the restorable window, archive lag. */
import { proxyActivities } from '@temporalio/workflow';
import type { BackupSteps } from '../../activities/backup/steps.ts';
import type { FleetSteps } from '../../activities/fleet/steps.ts';
import type { BackupStatusInput } from '../../domain/backup/requests.ts';
import type { BackupStatus } from '../../domain/backup/status.ts';
import { fleetQueue, hostQueue } from '../../domain/ids.ts';
import { asked } from '../options.ts';

const fleet = proxyActivities<FleetSteps>({ ...asked, taskQueue: fleetQueue });

export async function backupStatus(input: BackupStatusInput): Promise<BackupStatus> {
  const policy = input.policy ?? (await fleet.appliedPolicy(input.cluster));
  return proxyActivities<BackupSteps>({ ...asked, taskQueue: hostQueue(policy.host) }).reportStatus({ policy });
}
