/** The terminal as commands see it: two streams, colours, a clock, Ctrl-C. */
import { createInterface } from 'node:readline/promises';

export interface Terminal {
  /** Results; with --json exactly one object. */
  out(text: string): void;
  /** Progress, notes, errors. */
  err(text: string): void;
  readonly outIsTty: boolean;
  readonly errIsTty: boolean;
  readonly columns: number;
  /** Colours on stdout. */
  readonly color: boolean;
  /** IANA name of the user's zone. */
  readonly zone: string;
  now(): Date;
  /** Called at each Ctrl-C until the returned function is. */
  onInterrupt(listener: () => void): () => void;
  /** Asks a person; false where there is none. */
  confirm(question: string): Promise<boolean>;
  /** Ends the process at once. */
  exit(status: number): void;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function processTerminal(env: Environment = process.env): Terminal {
  const { stdout, stderr, stdin } = process;
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    outIsTty: stdout.isTTY === true,
    errIsTty: stderr.isTTY === true && env.TERM !== 'dumb',
    columns: stdout.columns || 120,
    color: wantsColor(stdout.isTTY === true, env),
    zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    now: () => new Date(),
    onInterrupt(listener) {
      process.on('SIGINT', listener);
      return () => void process.off('SIGINT', listener);
    },
    async confirm(question) {
      if (stdin.isTTY !== true || stderr.isTTY !== true) return false;
      const lines = createInterface({ input: stdin, output: stderr });
      try {
        return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
      } finally {
        lines.close();
      }
    },
    exit: (status) => process.exit(status),
  };
}

/** https://no-color.org: set and not empty means no colours, whatever the terminal can. */
export function wantsColor(isTty: boolean, env: Environment): boolean {
  return isTty && !env.NO_COLOR && env.TERM !== 'dumb';
}
