/** How far a backup or restore has come, from the lines it logs: `… (bundle 1/2643264, 16KB->8KB, 92.30%) checksum …`. */

export interface Progress {
  readonly phase: 'backup' | 'restore';
  readonly doneBytes: number;
  readonly totalBytes: number;
}

const FILE_LINE = /(\d+(?:\.\d+)?)(B|KB|MB|GB|TB|PB), (\d+(?:\.\d+)?)%\)/;
const UNITS = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4, PB: 1024 ** 5 } as const;

/** Bytes are as exact as the log (a tenth of a unit per file); the total follows from the share that the engine prints. */
export function progressReader(phase: Progress['phase']): { readonly onLine: (line: string) => void; readonly now: () => Progress } {
  let doneBytes = 0;
  let share = 0;
  return {
    onLine: (line) => {
      const match = FILE_LINE.exec(line);
      if (!match) return;
      doneBytes += Math.round(Number(match[1]) * UNITS[match[2] as keyof typeof UNITS]);
      share = Number(match[3]) / 100;
    },
    now: () => ({ phase, doneBytes, totalBytes: share > 0 ? Math.max(doneBytes, Math.round(doneBytes / share)) : 0 }),
  };
}
