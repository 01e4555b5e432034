/** `assay backup run|prove|restore|expire|fingerprint|restore-point`: what is asked of the fleet. */
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { BackupType, ProofDepth, ProofLevel } from '../../domain/backup/model.ts';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import type { ResultOf, Verb } from '../client/verbs.ts';
import { moment } from './figures.ts';
import { type Ending, makeRequest, type RequestOptions } from './make-request.ts';
import { asRequest, withCluster, withRepository, withTarget } from './options.ts';
import { verdictExit } from './outcome.ts';
import { restoreInThisProcess, restorePrinted } from './restore-cold.ts';
import type { Runner } from './runner.ts';
import { optimizerRunText } from './show-optimizer.ts';
import { expireText, fingerprintText, proofText, restorePointText, restoreText, runText } from './show-proofs.ts';
import { describe, requiredTarget, type TargetOptions, targetOf } from './targets.ts';

/** How each kind of request ends: text and exit status. */
export const endings: { readonly [V in Verb]: (cluster: string) => (result: ResultOf<V>) => Ending } = {
  run: () => (result) => ({ exit: verdictExit(result.proof?.verdict ?? null), text: (paint) => runText(result, paint) }),
  prove: () => (proof: ProofSummary) => ({ exit: verdictExit(proof.verdict), text: (paint) => proofText(proof, paint) }),
  restore: () => (result) => ({ exit: verdictExit(result.proof.verdict), text: (paint) => restoreText(result, paint) }),
  expire: () => (result) => ({ exit: 0, text: (paint) => expireText(result, paint) }),
  fingerprint: () => (result) => ({ exit: 0, text: (paint) => fingerprintText(result, paint) }),
  restorePoint: (cluster) => (result) => ({ exit: 0, text: (paint) => restorePointText(cluster, result, paint) }),
  optimize: () => (result) => ({ exit: 0, text: (paint) => optimizerRunText(result, paint) }),
};

export function addBackupRequests(backup: Command, run: Runner): void {
  addRun(backup, run);
  addProve(backup, run);
  addRestore(backup, run);
  addExpire(backup, run);
  addFingerprint(backup, run);
  addRestorePoint(backup, run);
}

function addRun(backup: Command, run: Runner): void {
  asRequest(withRepository(withCluster(backup.command('run').summary('take a backup and prove it'))))
    .description('Takes a backup and proves it by a restore, as the policy says. Exit 1: the proof found a fault; 3: it could not be made.')
    .addOption(new Option('--type <type>', 'kind of backup').choices(['full', 'differential', 'incremental']).default('incremental'))
    .addOption(new Option('--prove <level>', 'how it is proven (default: as the policy says)').choices(['content', 'structure', 'none']))
    .action(
      run<[string], RequestOptions & { type: BackupType; prove?: ProofLevel | 'none'; repository?: number }>((session, [cluster], options) => {
        const { type, prove, repository } = options;
        return makeRequest(session, { verb: 'run', input: given({ cluster, type, prove, repository }), options, ended: endings.run(cluster) });
      }),
    );
}

function addProve(backup: Command, run: Runner): void {
  withTarget(asRequest(withRepository(withCluster(backup.command('prove').summary('restore a backup to a clone and compare its content')))))
    .argument('[label]', 'backup to prove (default: the newest one that leads to the target)')
    .description('Restores a backup to a clone, compares and checks it, and issues a certificate. Without a target it proves the newest markers.')
    .option('--deep', 'every index against its table, every row in its text form')
    .addOption(new Option('--level <level>', 'what is proven').choices(['content', 'structure']).default('content'))
    .addOption(
      new Option('--random', 'a moment chosen at random among those of the restorable window that can be proven').conflicts([
        'toTime',
        'toLsn',
        'toName',
        'toXid',
      ]),
    )
    .action(
      run<[string, string | undefined], RequestOptions & TargetOptions & { deep?: boolean; level: ProofLevel; random?: boolean; repository?: number }>(
        (session, [cluster, label], options) => {
          const depth: ProofDepth = options.deep ? 'deep' : 'plain';
          const target = targetOf(options, session.terminal.zone) ?? undefined;
          const { level, random, repository } = options;
          return makeRequest(session, {
            verb: 'prove',
            input: given({ cluster, backup: label, depth, level, random, repository, target }),
            options,
            ended: endings.prove(cluster),
          });
        },
      ),
    );
}

function addRestore(backup: Command, run: Runner): void {
  withTarget(asRequest(withRepository(withCluster(backup.command('restore').summary('restore to a moment, into a folder, running and proven')))))
    .description(
      'Restores to exactly one target and leaves a running, proven cluster in --into. A target that cannot be reached is refused before anything starts.',
    )
    .requiredOption('--into <directory>', "empty or new folder on the cluster's host")
    .option('--backup <label>', 'backup to start from (default: the newest one that leads there)')
    .option('--print', "print the engine's own commands, do nothing; needs no Temporal, control database or worker")
    .option('--cold', 'restore and prove in this process; needs the repository and assay.yaml only')
    .action(
      run<[string], RequestOptions & TargetOptions & { into: string; backup?: string; repository?: number; print?: boolean; cold?: boolean }>(
        (session, [cluster], options) => {
          const target = requiredTarget(options, session.terminal.zone);
          const { backup: label, repository } = options;
          const input = given({ cluster, target, into: resolve(options.into), backup: label, repository });
          if (options.print || (options.cold && options.dryRun)) return restorePrinted(session, input);
          if (options.cold) return restoreInThisProcess(session, input, endings.restore(cluster));
          session.tell(`restoring ${cluster} to ${describe(target, (at) => moment(at, session.terminal.zone))}`);
          return makeRequest(session, { verb: 'restore', input, options, ended: endings.restore(cluster) });
        },
      ),
    );
}

function addExpire(backup: Command, run: Runner): void {
  withRepository(withCluster(backup.command('expire').summary('expire what the retention policy no longer keeps')))
    .description('Expires backups and WAL that the policy no longer keeps, each with its reason. Never the newest proven chain, nor what a kept backup needs.')
    .option('--dry-run', 'decide and say why, expire nothing')
    .option('--request <key>', 'idempotency key: the same key joins the same request (default: a fresh one)')
    .option('--no-wait', 'start it and return at once')
    .action(
      run<[string], RequestOptions & { repository?: number }>((session, [cluster], { dryRun = false, repository, ...options }) =>
        makeRequest(session, { verb: 'expire', input: given({ cluster, dryRun, repository }), options, ended: endings.expire(cluster) }),
      ),
    );
}

function addFingerprint(backup: Command, run: Runner): void {
  asRequest(withCluster(backup.command('fingerprint').summary('make markers now, so that this moment can be proven by content')))
    .description('Reads every covered table once in a snapshot whose place in WAL is known. Later proofs compare their clone with it.')
    .action(
      run<[string], RequestOptions>((session, [cluster], options) =>
        makeRequest(session, { verb: 'fingerprint', input: { cluster }, options, ended: endings.fingerprint(cluster) }),
      ),
    );
}

function addRestorePoint(backup: Command, run: Runner): void {
  withCluster(backup.command('restore-point').summary('name this moment and wait until it is archived'))
    .argument('<name>', 'at most 63 bytes; it is the key of the request too')
    .description('Creates a named restore point, for example before a migration, and waits until the WAL that holds it lies in the repository.')
    .option('--dry-run', 'show what would be sent, send nothing')
    .option('--no-wait', 'start it and return at once')
    .action(
      run<[string, string], RequestOptions>((session, [cluster, name], options) =>
        makeRequest(session, { verb: 'restorePoint', input: { cluster, name }, options, ended: endings.restorePoint(cluster) }),
      ),
    );
}

/** Without the fields that were not given: what is asked for is what the digest of a request is made of. */
function given<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> }; // only undefined ones were dropped
}
