/** A restore to any reachable moment into a folder, where it stays, running and proven. */
import { uuid4 } from '@temporalio/workflow';
import { goLive } from '../../domain/backup/go-live.ts';
import type { BackupRestoreInput, BackupRestoreResult } from '../../domain/backup/requests.ts';
import { policyOf, repositoryOf, requestKeyOf, surroundings } from './around.ts';
import { restoreAndProve } from './prove-recipe.ts';
import { backupSteps } from './steps.ts';

export async function backupRestore(input: BackupRestoreInput): Promise<BackupRestoreResult> {
  const around = surroundings(`restore of ${input.cluster} into ${input.into}`);
  const policy = await policyOf(input);
  const { proof, stays } = await restoreAndProve(
    backupSteps(policy.host),
    {
      policy,
      proofId: uuid4(),
      owner: requestKeyOf(undefined),
      label: input.backup ?? null,
      repository: repositoryOf(policy, input.repository),
      depth: 'plain',
      level: input.level ?? 'content',
      target: input.target,
      archivedLsn: null,
      into: input.into,
      randomShare: null,
    },
    around,
  );
  const ready = goLive(input.into, policy);
  return { ...ready, goLive: stays ? ready.goLive : [], proof };
}
