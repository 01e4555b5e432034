/** Options and arguments that several commands share, so that they read and behave the same everywhere. */
import { type Command, InvalidArgumentError, Option } from 'commander';

export const withCluster = (command: Command): Command => command.argument('<cluster>', 'name of the cluster in assay.yaml');

/** --request, --dry-run, --no-wait. */
export const asRequest = (command: Command): Command =>
  command
    .addOption(new Option('--request <key>', 'idempotency key: the same key joins the same request (default: a fresh one)'))
    .option('--dry-run', 'show what would be sent, send nothing')
    .option('--no-wait', 'start it and return at once');

export const withTarget = (command: Command): Command =>
  command
    .option('--to-time <time>', 'moment, with an offset or time zone: 2026-11-21T10:00:00+01:00')
    .option('--to-lsn <lsn>', 'WAL position: 16/B374D848')
    .option('--to-name <name>', 'restore point')
    .option('--to-xid <xid>', 'transaction')
    .option('--exclusive', 'stop just before the position or transaction, not after it');

export const withRepository = (command: Command): Command =>
  command.addOption(new Option('--repository <number>', 'repository, by its number').argParser(wholeNumber));

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('a whole number from 1 on is needed.');
  return Number(text);
}
