/** Every workflow type of the fleet. Their names are public: added, never renamed. */
export { backupExpire } from './backup/expire.ts';
export { backupFingerprint } from './backup/fingerprint.ts';
export { clusterLock } from './backup/lock.ts';
export { backupProve } from './backup/prove.ts';
export { backupRestore } from './backup/restore.ts';
export { backupRestorePoint } from './backup/restore-point.ts';
export { backupRun } from './backup/run.ts';
export { backupStatus } from './backup/status.ts';
export { optimizerRecommendation } from './optimizer/recommendation.ts';
export { optimizerRun } from './optimizer/run.ts';
