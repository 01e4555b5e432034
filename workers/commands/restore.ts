/** A restore where nothing of the fleet is left: the policy file and the repository are enough. */
import { randomUUID } from 'node:crypto';
import { createFileEvidence } from '../../activities/backup/evidence/file-evidence.ts';
import { openSigner, type Signer } from '../../activities/backup/evidence/sign.ts';
import type { BackupDependencies } from '../../activities/backup/ports.ts';
import { createBackupSteps } from '../../activities/backup/steps.ts';
import { surveyRepository } from '../../activities/backup/survey.ts';
import { goLive } from '../../domain/backup/go-live.ts';
import { describeTarget } from '../../domain/backup/proof-plan.ts';
import { describeNearest, reachability } from '../../domain/backup/reachability.ts';
import type { BackupRestoreResult } from '../../domain/backup/requests.ts';
import { AssayError, isAssayError, reasonOf } from '../../domain/errors.ts';
import type { ClusterPolicy, FleetPolicy } from '../../domain/policy.ts';
import type { ColdRestoreRequest, GlobalOptions, RestoreCommands, Tell } from '../../ops/cli/handlers.ts';
import { proveBackup, type Surroundings } from '../../workflows/backup/prove-recipe.ts';
import { readSecret } from '../config.ts';
import { backupDependencies } from '../dependencies.ts';
import { readPolicy } from '../read-policy.ts';
import { configOf } from './connection.ts';

/** The exact commands of the engine. Nothing is written. Throws cluster-unknown, target-unreachable, backup-unknown, repository-unreachable. */
export async function printRestore(request: ColdRestoreRequest, options: GlobalOptions): Promise<RestoreCommands> {
  const { policy, deps } = coldFleet(request.cluster, options, new AbortController().signal);
  const repository = await repositoryOf(deps, policy, request.repository);
  const { info, window } = await surveyRepository(deps, policy, repository);
  const { target, backup: label = null, into } = request;
  const found = reachability({ window, backups: info.backups, target, label });
  if (found.verdict === 'refused') {
    const reason = found.because.join('; ');
    throw new AssayError('target-unreachable', { target: describeTarget(target), cluster: policy.cluster, reason, nearest: describeNearest(found.nearest) });
  }
  const folders = {
    dataDirectory: `${into}/data`,
    tablespaceDirectory: `${into}/ts`,
    lockDirectory: `${into}/lock`,
    spoolDirectory: `${into}/spool`,
    logDirectory: `${into}/log`,
  };
  const restore = deps.engineFor(policy).restoreCommand({ label: found.backup.label, repository, target, action: 'promote', ...folders });
  const commands = [['mkdir', '-p', '-m', '700', into, ...Object.values(folders), `${into}/socket`], restore, startCommand(into)];
  return { commands, text: commands.map((argv) => argv.map(shellWord).join(' ')).join('\n'), notes: [...found.because, ...printNotes(policy)] };
}

/** The restored configuration names the source's port and socket: a private socket and no TCP keep the two apart. */
function startCommand(into: string): readonly string[] {
  const options = `-c unix_socket_directories=${into}/socket -c listen_addresses='' -c archive_mode=off`;
  return ['pg_ctl', '-D', `${into}/data`, '-l', `${into}/log/server.log`, '-o', options, '-w', '-t', '3600', 'start'];
}

const printNotes = ({ engine, clone }: ClusterPolicy): readonly string[] => [
  `run them as the OS user of the server${clone.osUser === null ? '' : ` (${clone.osUser})`}, with ${engine.binary} and the binaries of the same PostgreSQL major on PATH`,
  'the configuration of a Debian cluster lies outside its data directory: give the server one with -o "-c config_file=…"',
  'nothing is proven by these commands: `--cold` proves what it restores',
];

/** Restores, proves and leaves the cluster running. Certificates are signed where the signing key is at hand. Ctrl-C stops it and wipes what was restored. */
export async function restoreHere(request: ColdRestoreRequest, options: GlobalOptions, tell: Tell): Promise<BackupRestoreResult> {
  const stop = new AbortController();
  const onInterrupt = () => stop.abort();
  process.once('SIGINT', onInterrupt);
  try {
    const { policy, deps } = coldFleet(request.cluster, options, stop.signal);
    const proofId = randomUUID();
    const question = {
      policy,
      proofId,
      owner: `cold-restore/${proofId}`,
      label: request.backup ?? null,
      repository: await repositoryOf(deps, policy, request.repository),
      depth: 'plain',
      level: 'structure',
      target: request.target,
      archivedLsn: null,
      randomShare: null,
      into: request.into,
    } as const;
    const proof = await proveBackup(createBackupSteps(deps), question, surroundings(tell));
    return { ...goLive(request.into, policy), proof };
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}

const surroundings = (tell: Tell): Surroundings => ({
  report: (phase, detail) => tell(`${phase}  ${detail}`),
  faultOf: (error) => {
    if (isAssayError(error, 'cancelled')) return null;
    if (error instanceof AssayError) return { code: error.code, message: error.message, values: error.values };
    return { code: 'internal', message: reasonOf(error) };
  },
  always: (work) => work(),
});

/** Throws policy-unreadable, policy-invalid, cluster-unknown. */
function coldFleet(cluster: string, options: GlobalOptions, signal: AbortSignal): { readonly policy: ClusterPolicy; readonly deps: BackupDependencies } {
  const config = configOf(options);
  const fleet = readPolicy(config.policyFile);
  const policy = fleet.clusters.find((each) => each.cluster === cluster);
  if (policy === undefined)
    throw new AssayError('cluster-unknown', { cluster, where: fleet.file, known: fleet.clusters.map((each) => each.cluster).join(', ') });
  const { evidence, markers } = createFileEvidence(policy.evidenceDirectory, { signer: signerOf(fleet) });
  const io = () => ({ signal, beat: () => {}, previous: undefined });
  return { policy, deps: backupDependencies({ host: config.host, observe: () => {}, evidence, markerStore: markers, io }) };
}

/** null where the key is not at hand: on an empty machine that is no reason not to restore. */
function signerOf({ signingKey }: FleetPolicy): Signer | null {
  try {
    return openSigner(readSecret, signingKey);
  } catch (error) {
    if (isAssayError(error, 'signing-key-missing') || isAssayError(error, 'secret-unreadable')) return null;
    throw error;
  }
}

async function repositoryOf(deps: BackupDependencies, policy: ClusterPolicy, asked: number | undefined): Promise<number> {
  return asked ?? (await deps.engineFor(policy).repositories())[0] ?? 1;
}

const shellWord = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
