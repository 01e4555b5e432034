/** What a disaster would have cost, as one proof measured it. Pure. */
import type { Instant, Witness } from './model.ts';

export interface RecoveryPointQuestion {
  readonly newestWitness: Witness | null;
  /** Whether the proof went as far as the archive leads; left out where an older worker planned it: it did. */
  readonly toNewest?: boolean;
  readonly startedAt: Instant;
}

/** Age of the newest witness that came back, in ms. null where none did, and where the target was a moment of somebody's choice: its age is no loss. */
export function recoveryPointMs({ newestWitness, toNewest = true, startedAt }: RecoveryPointQuestion): number | null {
  if (newestWitness === null || !toNewest) return null;
  return Math.max(0, Date.parse(startedAt) - Date.parse(newestWitness.at));
}
