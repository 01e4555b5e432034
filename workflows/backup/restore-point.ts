/** A named point before something risky; done once its WAL is in the repository. */
import type { BackupRestorePointInput, BackupRestorePointResult } from '../../domain/backup/requests.ts';
import { policyOf, repositoryOf, surroundings } from './around.ts';
import { backupSteps } from './steps.ts';

export async function backupRestorePoint(input: BackupRestorePointInput): Promise<BackupRestorePointResult> {
  const around = surroundings(`restore point ${input.name} of ${input.cluster}`);
  const policy = await policyOf(input);
  around.report('archiving', `restore point ${input.name}`);
  const point = await backupSteps(policy.host).createRestorePoint({ policy, name: input.name, repository: repositoryOf(policy, undefined) });
  return { name: input.name, lsn: point.lsn, archivedAt: point.archivedAt };
}
