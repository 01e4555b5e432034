/**
 * Every step of the backup agent, as workflows name them. Read them in the order of a backup:
 * steps/take.ts → steps/prove.ts → steps/expire.ts, and steps/report.ts for what people ask.
 */
import type { BackupDependencies } from './ports.ts';
import { expireSteps } from './steps/expire.ts';
import { proveSteps } from './steps/prove.ts';
import { reportSteps } from './steps/report.ts';
import { takeSteps } from './steps/take.ts';

export function createBackupSteps(deps: BackupDependencies) {
  return { ...takeSteps(deps), ...proveSteps(deps), ...expireSteps(deps), ...reportSteps(deps) };
}

export type BackupSteps = ReturnType<typeof createBackupSteps>;
