/** What `assay doctor` says: one line and one fix for each thing it looked at. */

export interface DoctorLine {
  /** null: concerns the fleet, not one cluster. */
  readonly cluster: string | null;
  /** Stable name of the check, `archiving-arrives`. */
  readonly name: string;
  /** `warning`: works, but less is proven or something will hurt later. `fault`: something Assay needs does not work. */
  readonly outcome: 'ok' | 'warning' | 'fault';
  /** What was found, with its values. */
  readonly line: string;
  /** The one thing to do; null where all is well. */
  readonly fix: string | null;
}

/** A line before its cluster is known. */
export type Finding = Omit<DoctorLine, 'cluster'>;

export const ok = (name: string, line: string): Finding => ({ name, outcome: 'ok', line, fix: null });
export const warning = (name: string, line: string, fix: string): Finding => ({ name, outcome: 'warning', line, fix });
export const fault = (name: string, line: string, fix: string): Finding => ({ name, outcome: 'fault', line, fix });

/** "a, b and 3 more". */
export function few(names: readonly string[], most = 5): string {
  return names.length <= most ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${names.length - most} more`;
}
