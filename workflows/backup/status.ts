/** What stands: backups, proofs, the restorable window, archive lag. */

import type { BackupStatusInput } from '../../domain/backup/requests.ts';
import type { BackupStatus } from '../../domain/backup/status.ts';
import { policyOf } from './around.ts';
import { backupSteps } from './steps.ts';

export async function backupStatus(input: BackupStatusInput): Promise<BackupStatus> {
  const policy = await policyOf(input);
  return backupSteps(policy.host).reportStatus({ policy });
}
