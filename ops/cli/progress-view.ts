/** Progress on stderr: one line that is written over on a terminal, a line for each change elsewhere. */
import type { RunProgress } from '../client/progress-of.ts';
import { bytes, duration } from './figures.ts';
import { plain } from './paint.ts';
import type { Terminal } from './terminal.ts';

export interface ProgressView {
  show(progress: RunProgress): void;
  /** Leaves the terminal with an empty line to write on. */
  end(): void;
}

const SIGN_OF_LIFE_MS = 60_000;

export function progressView(terminal: Terminal, quiet: boolean): ProgressView {
  if (quiet) return { show: () => {}, end: () => {} };
  return terminal.errIsTty ? liveView(terminal) : plainView(terminal);
}

/** `restoring  20261121-100000F into a clone  45 %, 120 MB of 266 MB  1 min 5 s`. Pure. */
export function progressLine(progress: RunProgress, now: Date): string {
  const { phase, detail, doneBytes, totalBytes, step = '', startedAt, stalled } = progress;
  const elapsed = duration(now.getTime() - Date.parse(startedAt));
  if (stalled !== null) return `waiting  no worker polls ${stalled.queue} (${stalled.step}, for ${duration(stalled.sinceMs)})  ${elapsed}`;
  const copied =
    doneBytes === undefined || !totalBytes
      ? []
      : [`${Math.min(100, Math.floor((doneBytes / totalBytes) * 100))} %, ${bytes(doneBytes)} of ${bytes(totalBytes)}`];
  // one line: the rest of a fault's words is told with the result
  const [first = ''] = detail.split('\n');
  return plain([phase, first, ...copied, step, elapsed].filter((part) => part !== '').join('  '));
}

function liveView(terminal: Terminal): ProgressView {
  return {
    show(progress) {
      const line = progressLine(progress, terminal.now());
      // a line that wraps could not be written over
      terminal.err(`\r\u001b[2K${line.length < terminal.columns ? line : `${line.slice(0, terminal.columns - 2)}…`}`);
    },
    end: () => terminal.err('\r\u001b[2K'),
  };
}

function plainView(terminal: Terminal): ProgressView {
  let last = '';
  let lastAt = 0;
  return {
    show(progress) {
      const now = terminal.now();
      const what = progress.stalled === null ? `${progress.phase} ${progress.detail}` : `stalled ${progress.stalled.queue}`;
      if (what === last && now.getTime() - lastAt < SIGN_OF_LIFE_MS) return;
      last = what;
      lastAt = now.getTime();
      terminal.err(`${progressLine(progress, now)}\n`);
    },
    end: () => {},
  };
}
