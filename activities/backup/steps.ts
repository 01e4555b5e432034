/**
 * Every step of the backup agent, as workflows name them. Read them in the order of a backup:
 * steps/take.ts → steps/prove.ts → steps/expire.ts, steps/report.ts for what people ask, steps/lab.ts for what other agents borrow.
 */
import type { BackupDependencies } from './ports.ts';
import { expireSteps } from './steps/expire.ts';
import { labSteps } from './steps/lab.ts';
import { proveSteps } from './steps/prove.ts';
import { reportSteps } from './steps/report.ts';
import { takeSteps } from './steps/take.ts';

export function createBackupSteps(deps: BackupDependencies) {
  return { ...takeSteps(deps), ...proveSteps(deps), ...expireSteps(deps), ...reportSteps(deps), ...labSteps(deps) };
}

export type BackupSteps = ReturnType<typeof createBackupSteps>;
