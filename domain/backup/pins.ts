/**
 * Backups that are spoken for: by a clone or a restore that needs them, or by an expiry that is about to remove them. Pure.
 *
 * Both sides first write down what they want, then look what the other side wants. Whoever comes second sees the first:
 * an expiry leaves out what is pinned, a clone does not begin from what is being expired.
 */

export interface Pin {
  /** Workflow id, or the name of a process that runs without a workflow. */
  readonly owner: string;
  readonly label: string;
}

const EXPIRING = 'expiring:';

/** Under this name an expiry announces what it will remove. */
export const expiringOwner = (workflowId: string): string => `${EXPIRING}${workflowId}`;

/** Who stands behind a pin or an announcement. */
export const workflowOf = (owner: string): string => (owner.startsWith(EXPIRING) ? owner.slice(EXPIRING.length) : owner);

/** Labels that must stay. */
export const pinnedLabels = (pins: readonly Pin[]): readonly string[] => labelsOf(pins.filter(({ owner }) => !owner.startsWith(EXPIRING)));

/** Labels that are about to go. */
export const expiringLabels = (pins: readonly Pin[]): readonly string[] => labelsOf(pins.filter(({ owner }) => owner.startsWith(EXPIRING)));

const labelsOf = (pins: readonly Pin[]) => [...new Set(pins.map(({ label }) => label))].sort();
