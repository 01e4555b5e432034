/** A terminal that keeps what was written, presses Ctrl-C when told, and runs the command in this process. */
import type { GlobalOptions, LocalHandlers } from '../../ops/cli/handlers.ts';
import { runCli } from '../../ops/cli/main.ts';
import type { Terminal } from '../../ops/cli/terminal.ts';
import type { AssayOptions } from '../../ops/client/connect.ts';

export interface TestTerminal extends Terminal {
  readonly written: { out: string; err: string };
  readonly exits: number[];
  ctrlC(): void;
}

export function testTerminal(
  options: { readonly tty?: boolean; readonly confirm?: boolean; readonly color?: boolean; readonly zone?: string } = {},
): TestTerminal {
  const written = { out: '', err: '' };
  const listeners = new Set<() => void>();
  const exits: number[] = [];
  return {
    written,
    exits,
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    outIsTty: options.tty ?? false,
    errIsTty: options.tty ?? false,
    columns: 100,
    color: options.color ?? false,
    zone: options.zone ?? 'Europe/Berlin',
    now: () => new Date(),
    onInterrupt(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    confirm: async () => options.confirm ?? false,
    exit: (status) => void exits.push(status),
    ctrlC() {
      for (const listener of listeners) listener();
    },
  };
}

const missing = (name: string) => async (): Promise<never> => {
  throw new Error(`${name} is not part of this test`);
};

/** Handlers of a test; whatever it does not give fails loudly. */
export const testHandlers = (given: Partial<LocalHandlers>): LocalHandlers => ({
  connection: missing('connection'),
  clusters: async () => [],
  dev: missing('dev'),
  worker: missing('worker'),
  init: missing('init'),
  doctor: missing('doctor'),
  plan: missing('plan'),
  apply: missing('apply'),
  remove: missing('remove'),
  configShow: missing('configShow'),
  restorePrint: missing('restorePrint'),
  restoreCold: missing('restoreCold'),
  explain: missing('explain'),
  recommendations: missing('recommendations'),
  accuracy: missing('accuracy'),
  queries: missing('queries'),
  hygiene: missing('hygiene'),
  recommendation: missing('recommendation'),
  history: missing('history'),
  recommendationPage: missing('recommendationPage'),
  verifyCertificates: missing('verifyCertificates'),
  ...given,
});

export const connectingTo =
  (options: AssayOptions) =>
  async ({ address, namespace }: GlobalOptions): Promise<AssayOptions> => ({
    ...options,
    ...(address === undefined ? {} : { address }),
    ...(namespace === undefined ? {} : { namespace }),
  });

export interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
  /** The whole of stdout, which must be exactly one object. */
  json(): Record<string, unknown>;
}

export async function run(line: string | readonly string[], handlers: Partial<LocalHandlers> = {}, terminal: TestTerminal = testTerminal()): Promise<Ran> {
  const argv = typeof line === 'string' ? line.split(' ') : line;
  const exit = await runCli(argv, { handlers: testHandlers(handlers), terminal, version: '0.0.0-test' });
  const { out, err } = terminal.written;
  return { exit, out, err, json: () => JSON.parse(out) as Record<string, unknown> };
}
