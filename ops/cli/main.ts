/** One run of the command: parse, do, print, exit status. Never throws. */
import { CommanderError } from 'commander';
import { AssayError, reasonOf } from '../../domain/errors.ts';
import type { AssayClient } from '../client/connect.ts';
import type { GlobalOptions, LocalHandlers } from './handlers.ts';
import { errorObject, errorText, type Outcome } from './outcome.ts';
import { paintFor } from './paint.ts';
import { buildProgram } from './program.ts';
import type { Session } from './session.ts';
import type { Terminal } from './terminal.ts';

export interface CliOptions {
  readonly handlers: LocalHandlers;
  readonly terminal: Terminal;
  readonly version: string;
}

/** `argv` without node and the file. Returns the exit status. */
export async function runCli(argv: readonly string[], { handlers, terminal, version }: CliOptions): Promise<number> {
  const json = wantsJson(argv);
  const clients: Promise<AssayClient>[] = [];
  let exit: number = 0;
  let said = '';
  const program = buildProgram({
    version,
    columns: terminal.columns,
    writeOut: (text) => terminal.out(json ? `${JSON.stringify({ text })}\n` : text),
    writeErr: (text) => {
      said = text;
    },
    session: (options) => sessionOf(options, { handlers, terminal, clients }),
    finish(outcome) {
      exit = outcome?.exit ?? 0;
      if (outcome !== null) print(outcome, terminal, json);
    },
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    exit = fail(error, { terminal, json, said });
  } finally {
    for (const client of clients) await (await client.catch(() => null))?.close();
  }
  return exit;
}

/** Known before anything is parsed: a usage error must be JSON too. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? argv.length : end).includes('--json');
}

interface Surroundings {
  readonly handlers: LocalHandlers;
  readonly terminal: Terminal;
  readonly clients: Promise<AssayClient>[];
}

function sessionOf(given: Record<string, unknown>, { handlers, terminal, clients }: Surroundings): Session {
  const options = given as unknown as GlobalOptions & { quiet: boolean }; // as program.ts defines them
  const open = async () => {
    const { connectAssay } = await import('../client/connect.ts');
    return connectAssay(await handlers.connection(options));
  };
  return {
    terminal,
    handlers,
    options,
    tell: (line) => (options.quiet ? undefined : terminal.err(`${line}\n`)),
    client() {
      clients[0] ??= open();
      return clients[0];
    },
  };
}

function print(outcome: Outcome, terminal: Terminal, json: boolean): void {
  terminal.out(json ? `${JSON.stringify(outcome.data)}\n` : outcome.text(paintFor({ ...terminal, now: terminal.now })));
}

interface Failing {
  readonly terminal: Terminal;
  readonly json: boolean;
  /** What commander would have printed. */
  readonly said: string;
}

function fail(error: unknown, { terminal, json, said }: Failing): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0; // help or version, printed already
  const ours = asOurs(error);
  if (json) terminal.out(`${JSON.stringify(errorObject(ours))}\n`);
  else if (isBare(error)) terminal.err(said);
  else terminal.err(errorText(ours, paintFor({ ...terminal, color: terminal.color && terminal.errIsTty, now: terminal.now })));
  return ours.exit;
}

/** A group without a command. */
const isBare = (error: unknown) => error instanceof CommanderError && error.code === 'commander.help';

function asOurs(error: unknown): AssayError {
  if (error instanceof AssayError) return error;
  if (!(error instanceof CommanderError)) return new AssayError('internal', { reason: reasonOf(error) }, { cause: error });
  const reason = isBare(error) ? 'no command is given' : error.message.replace(/^error: /, '');
  return new AssayError('usage', { reason, hint: 'see `assay --help`, or --help after a command' });
}
