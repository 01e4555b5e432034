/** `assay backup status|list|show|certificate|cancel|verify-certificate`: what is there, nothing is made. */
import type { Command } from 'commander';
import type { BackupStatus } from '../../domain/backup/status.ts';
import { AssayError } from '../../domain/errors.ts';
import type { Request } from '../client/request.ts';
import type { ResultOf, Verb } from '../client/verbs.ts';
import { endings } from './backup-requests.ts';
import { certificateOutcome } from './certificate-files.ts';
import { type Ending, followRequest } from './make-request.ts';
import { withCluster } from './options.ts';
import type { Outcome } from './outcome.ts';
import { type Paint, plain } from './paint.ts';
import { progressLine } from './progress-view.ts';
import type { Runner } from './runner.ts';
import type { Session } from './session.ts';
import { verificationText } from './show-fleet.ts';
import { proofText } from './show-proofs.ts';
import { backupsText, backupText } from './show-status.ts';
import { statusOfAll } from './status-of-all.ts';

export function addBackupQuestions(backup: Command, run: Runner): void {
  backup
    .command('status')
    .summary('where the backups stand: proofs, restorable window, archive lag')
    .description('Exit 0: good; 1: a fault was found; 3: nothing broken was found, but the proof is missing, stale or inconclusive.')
    .argument('[cluster]', 'name of the cluster (default: all of assay.yaml)')
    .action(run<[string | undefined], object>((session, [cluster]) => statusOfAll(session, cluster)));
  withCluster(backup.command('list').summary('backups, newest first, each with its proof'))
    .description('Lists the backups in the repositories, also those that Assay did not make.')
    .action(run<[string], object>(async (session, [cluster]) => listed(await statusOf(session, cluster))));
  addShow(backup, run);
  addCertificate(backup, run);
  addCancel(backup, run);
  addVerify(backup, run);
}

const statusOf = async (session: Session, cluster: string) => (await session.client()).backup.status(cluster);

function listed(status: BackupStatus): Outcome {
  const { cluster, backups, proofs, unreachable = [] } = status;
  const silent = (paint: Paint) => unreachable.map(({ repository, reason }) => paint.bad(`repository ${repository} does not answer: ${plain(reason)}\n`));
  return { exit: 0, data: { cluster, backups, proofs, unreachable }, text: (paint) => `${backupsText(status, paint)}${silent(paint).join('')}` };
}

function addShow(backup: Command, run: Runner): void {
  withCluster(backup.command('show').summary('one backup, or a request that is under way'))
    .argument('[label]', 'backup to show (default: the newest one)')
    .description('Shows a backup with its proof; with --request it follows that request to its end and exits as its own command would have.')
    .option('--request <key>', 'come back to a request')
    .option('--no-wait', 'with --request: say where it stands and return')
    .action(
      run<[string, string | undefined], { request?: string; wait: boolean }>(async (session, [cluster, label], { request, wait }) =>
        request === undefined ? showBackup(await statusOf(session, cluster), label) : showRequest(session, { cluster, key: request, wait }),
      ),
    );
}

/** Throws backup-unknown. */
function showBackup({ cluster, backups, proofs }: BackupStatus, label: string | undefined): Outcome {
  const backup = label === undefined ? backups.toSorted((a, b) => (a.stoppedAt > b.stoppedAt ? -1 : 1))[0] : backups.find((each) => each.label === label);
  if (backup === undefined) throw new AssayError('backup-unknown', { cluster, label: label ?? '(any)' });
  const proof = proofs.find((each) => each.backup === backup.label) ?? null;
  return {
    exit: 0,
    data: { cluster, backup, proof },
    text: (paint) => `${backupText(backup, paint)}${proof === null ? `${paint.doubt('not proven')}\n` : proofText(proof, paint)}`,
  };
}

async function showRequest(session: Session, { cluster, key, wait }: { cluster: string; key: string; wait: boolean }): Promise<Outcome> {
  const request = await findRequest(session, cluster, key);
  const progress = await request.progress();
  if (wait || !progress.running) return followRequest(session, request, { ended: endingOf(request) });
  const { verb, workflowId } = request;
  return {
    exit: 0,
    data: { request: { verb, cluster, key, workflowId, joined: true }, state: 'running', progress },
    text: () => `${plain(workflowId)}: ${progressLine(progress, session.terminal.now())}\n`,
  };
}

async function findRequest(session: Session, cluster: string, key: string): Promise<Request<Verb>> {
  const request = await (await session.client()).backup.findAny(cluster, key);
  if (request !== null) return request;
  throw new AssayError('usage', {
    reason: `no request with key ${key} is known for ${cluster}`,
    hint: `see what runs with \`assay backup status ${cluster}\``,
  });
}

/** The verb decides what the result is, which the compiler cannot follow through a union. */
const endingOf = ({ verb, cluster }: Request<Verb>) => endings[verb](cluster) as (result: ResultOf<Verb>) => Ending;

function addCertificate(backup: Command, run: Runner): void {
  withCluster(backup.command('certificate').summary('where the certificate of a proof lies'))
    .argument('[label]', 'backup that was proven (default: the newest proof)')
    .description("Names the certificate's files on the cluster's host, and copies them where this host can read them.")
    .option('--out <directory>', 'copy both files there')
    .action(
      run<[string, string | undefined], { out?: string }>(async (session, [cluster, label], { out }) =>
        certificateOutcome(await statusOf(session, cluster), { label, out }),
      ),
    );
}

function addCancel(backup: Command, run: Runner): void {
  withCluster(backup.command('cancel').summary('stop a request; what it started is cleaned up'))
    .description('Asks a running request to stop. Its child processes end, its clone is wiped.')
    .requiredOption('--request <key>', 'which one')
    .option('--dry-run', 'say what would be stopped')
    .action(
      run<[string], { request: string; dryRun?: boolean }>(async (session, [cluster], { request: key, dryRun = false }) => {
        const request = await findRequest(session, cluster, key);
        const { running } = await request.progress();
        if (running && !dryRun) await request.cancel();
        const did = !running ? 'has ended already' : dryRun ? 'would be stopped' : 'is being stopped';
        return { exit: 0, data: { dryRun, cancelled: running && !dryRun, workflowId: request.workflowId }, text: () => `${request.workflowId} ${did}\n` };
      }),
    );
}

function addVerify(backup: Command, run: Runner): void {
  backup
    .command('verify-certificate')
    .summary('check signatures and chain of certificates, offline')
    .description('Checks one certificate, the folder of a cluster, or the folder of all, against the public key. Needs no server at all.')
    .argument('<path>', 'certificate (.json) or folder')
    .requiredOption('--key <file>', 'public key of the signer, PEM; take it from a place you trust, never from beside the certificate')
    .action(
      run<[string], { key: string }>(async ({ handlers }, [path], { key }) => {
        const report = await handlers.verifyCertificates({ path, key });
        return { exit: report.valid ? 0 : 1, data: report, text: (paint) => verificationText(report, paint) };
      }),
    );
}
