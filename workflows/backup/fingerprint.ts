/** Markers between backups, so that later moments of the window can be proven by content too. */
import type { BackupFingerprintInput, BackupFingerprintResult } from '../../domain/backup/requests.ts';
import { policyOf, repositoryOf, surroundings } from './around.ts';
import { backupSteps } from './steps.ts';

export async function backupFingerprint(input: BackupFingerprintInput): Promise<BackupFingerprintResult> {
  const around = surroundings(`fingerprints of ${input.cluster}`);
  const policy = await policyOf(input);
  const steps = backupSteps(policy.host);
  around.report('fingerprinting', 'tables of each database in one snapshot');
  const made = await steps.makeMarkers({ policy, equality: 'hash' });
  around.report('archiving', 'waiting for the WAL up to here');
  await steps.awaitArchived({ policy, repository: repositoryOf(policy, undefined) });
  return made;
}
