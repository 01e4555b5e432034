/** The command tree of `assay`. Everything a user can type is defined below this file, once. */
import { Argument, Command } from 'commander';
import { addBackupQuestions } from './backup-questions.ts';
import { addBackupRequests } from './backup-requests.ts';
import { completionScript, type Shell } from './completion.ts';
import { addFleetCommands } from './fleet-commands.ts';
import { addOptimizerCommands } from './optimizer-commands.ts';
import { manual } from './reference.ts';
import { type Runner, type RunnerPorts, runnerOf } from './runner.ts';
import { treeOf } from './tree.ts';

export interface ProgramOptions extends RunnerPorts {
  readonly version: string;
  /** Help and version go here. */
  readonly writeOut: (text: string) => void;
  /** Commander's own words about what is wrong; help where a group is called without a command. */
  readonly writeErr: (text: string) => void;
  readonly columns: number;
}

/** Parsing throws CommanderError, never ends the process. */
export function buildProgram(options: ProgramOptions): Command {
  const program = new Command('assay');
  program
    .exitOverride()
    .configureOutput({
      writeOut: options.writeOut,
      writeErr: options.writeErr,
      getOutHelpWidth: () => Math.min(options.columns, 120),
      getErrHelpWidth: () => Math.min(options.columns, 120),
    })
    .description('A fleet of agents that keeps PostgreSQL databases and proves every claim it makes.')
    .version(options.version, '--version', 'print the version')
    .option('--json', 'one object on stdout', false)
    .option('--quiet', 'no progress on stderr', false)
    .option('--file <file>', 'policy file (default: ASSAY_POLICY, else ./assay.yaml)')
    .option('--address <host:port>', 'Temporal server (default: ASSAY_TEMPORAL_ADDRESS, else what the policy says)')
    .option('--namespace <name>', 'Temporal namespace (default: ASSAY_TEMPORAL_NAMESPACE, else what the policy says)')
    .helpCommand(false);
  const run = runnerOf(options);
  const backup = program
    .command('backup')
    .summary('back up, prove, restore')
    .description('The backup agent: a backup counts only once it was restored and compared.');
  addBackupRequests(backup, run);
  addBackupQuestions(backup, run);
  const optimizer = program
    .command('optimizer')
    .summary('find indexes that are proven to help')
    .description('The optimizer agent: a recommendation counts only once it was measured on a restored copy.');
  addOptimizerCommands(optimizer, run);
  addFleetCommands(program, run);
  addCompletion(program, run);
  return program;
}

function addCompletion(program: Command, run: Runner): void {
  program
    .command('completion')
    .summary('completion for a shell')
    .description('Prints a completion script for your shell; also the names of the clusters in the policy, and this manual.')
    .addArgument(new Argument('<what>', 'what to print').choices(['bash', 'zsh', 'fish', 'clusters', 'manual']))
    .action(
      run<[Shell | 'clusters' | 'manual'], object>(async ({ handlers, options }, [what]) => {
        const text = await printed(program, what, () => handlers.clusters(options));
        return { exit: 0, data: { what, text }, text: () => text };
      }),
    );
}

async function printed(program: Command, what: Shell | 'clusters' | 'manual', clusters: () => Promise<readonly string[]>): Promise<string> {
  if (what === 'clusters') return `${(await clusters()).join('\n')}\n`;
  if (what === 'manual') return manual(treeOf(program));
  return completionScript(treeOf(program), what);
}
