/** `assay doctor`: one line and one fix for each thing missing. Reads only. */
import { reasonOf } from '../../domain/errors.ts';
import type { ClusterPolicy, FleetPolicy } from '../../domain/policy.ts';
import { scrubbedReason } from '../pg-errors.ts';
import {
  checkArchiveCommand,
  checkArchiveMode,
  checkArchiver,
  checkArchiveTimeout,
  checkArchivingArrives,
  checkChecksums,
  checkRepositories,
  checkWalLevel,
} from './check-archiving.ts';
import { checkCapture } from './check-capture.ts';
import { checkCloneBinaries, checkCloneProcesses, checkCollation, checkDisk, checkEngineVersion, checkExtensions, checkTablespaces } from './check-clone.ts';
import { type ControlFacts, checkControl, checkPlaces, checkSigningKey, checkTemporal, checkWorkers } from './check-fleet.ts';
import { checkEngineFolders } from './check-folders.ts';
import { checkWhatIf, checkWorkload } from './check-optimizer.ts';
import { checkClock, checkManagedService, checkPooler, checkPrimary, checkSlots } from './check-server.ts';
import { checkStandby } from './check-standby.ts';
import { checkTableOwners } from './check-table-owners.ts';
import { type ClusterFacts, readCluster } from './cluster-facts.ts';
import { readHost } from './host-facts.ts';
import { type DoctorLine, type Finding, fault, ok, warning } from './line.ts';
import type { DoctorDependencies } from './ports.ts';

/** Every check of the fleet and of each cluster; never throws for what a check found. Lines of the fleet first, then cluster by cluster. */
export async function runDoctor(dependencies: DoctorDependencies, fleet: FleetPolicy): Promise<readonly DoctorLine[]> {
  const { findings, control } = await examineFleet(dependencies, fleet);
  const clusters = await Promise.all(fleet.clusters.map(async (policy) => named(policy.cluster, await examineCluster(dependencies, policy, control))));
  return [...named(null, findings), ...clusters.flat()];
}

const named = (cluster: string | null, findings: readonly Finding[]) => findings.map((finding): DoctorLine => ({ cluster, ...finding }));

async function examineFleet(dependencies: DoctorDependencies, fleet: FleetPolicy): Promise<{ findings: readonly Finding[]; control: ControlFacts | null }> {
  const { temporal } = dependencies;
  const control = await checkControl(dependencies, fleet);
  const findings = [control.finding, checkSigningKey(dependencies, fleet)];
  if (temporal === null) return { findings, control: control.facts };
  const reached = await checkTemporal(temporal);
  const hosts = [...new Set(fleet.clusters.map(({ host }) => host))];
  const workers = reached.outcome === 'ok' ? await settled('workers', () => checkWorkers(temporal, hosts)) : [];
  return { findings: [...findings, reached, ...workers], control: control.facts };
}

async function examineCluster(dependencies: DoctorDependencies, policy: ClusterPolicy, control: ControlFacts | null): Promise<readonly Finding[]> {
  const facts = await readCluster(policy, dependencies.readSecret, dependencies.now).catch((error: unknown) => scrubbedReason(error));
  if (typeof facts === 'string') {
    const { host, port, user, database } = policy.connection;
    return [fault('connection', `${user} cannot connect to ${database} at ${host}:${port}: ${facts}`, wayIn(facts))];
  }
  const answered = ok('connection', `PostgreSQL ${serverVersion(facts)} answers at ${policy.connection.host}:${policy.connection.port}`);
  return [
    answered,
    ...examineServer(facts, policy),
    ...(await examineGrants(dependencies, policy)),
    ...(await settled('table-owners', () => checkTableOwners(policy, facts.versionNumber, dependencies.readSecret))),
    ...(await checkStandby(policy, facts, dependencies.readSecret)),
    ...(await examineHost(dependencies, facts, policy)),
    ...checkPlaces(policy, facts.systemIdentifier, control, dependencies.temporal),
  ];
}

/** A Debian cluster lets nobody in through its socket but the OS user of the same name. */
const wayIn = (reason: string) =>
  /^Peer authentication failed/.test(reason)
    ? "make a role with a password (create role assay login password '…'), and connect over TCP: connection.host 127.0.0.1, connection.password file:PATH"
    : "check connection in the policy, the role, its password, and the server's pg_hba.conf";

const examineServer = (facts: ClusterFacts, policy: ClusterPolicy): readonly Finding[] => [
  checkPrimary(facts),
  checkPooler(facts, policy),
  checkManagedService(facts),
  checkClock(facts),
  checkWalLevel(facts),
  checkArchiveMode(facts),
  checkArchiveCommand(facts, policy),
  checkArchiveTimeout(facts, policy),
  checkArchiver(facts),
  checkChecksums(facts),
  ...checkSlots(facts),
  checkTablespaces(facts),
  checkWorkload(facts, policy),
];

async function examineGrants(dependencies: DoctorDependencies, policy: ClusterPolicy): Promise<readonly Finding[]> {
  return settled('grants', async () => {
    const missing = await dependencies.missingObjects(policy);
    if (missing.length === 0) return [ok('grants', `${policy.connection.user} may do all that the policy asks, and the objects of Assay are there`)];
    return missing.map(({ sql, why }) => fault('grants', `missing, ${why}`, `as a superuser: ${sql}; \`assay plan --sql\` prints all there is to run`));
  });
}

/** What only the host of the cluster's worker can know. */
async function examineHost(dependencies: DoctorDependencies, facts: ClusterFacts, policy: ClusterPolicy): Promise<readonly Finding[]> {
  if (policy.host !== dependencies.host)
    return [
      warning(
        'host',
        `engine, binaries and disks of ${policy.host} were not looked at from ${dependencies.host}`,
        `run \`assay doctor ${policy.cluster}\` on ${policy.host}`,
      ),
    ];
  const host = await readHost(policy, Math.floor(facts.versionNumber / 10_000), facts.settings.data_directory ?? null, dependencies.engine);
  const engine = checkEngineVersion(host, facts, policy);
  const repositories = engine.outcome === 'fault' ? [] : await settled('repository', () => checkRepositories(dependencies, facts, policy));
  const arriving =
    repositories.length === 0 || facts.inRecovery ? [] : await settled('archiving-arrives', () => checkArchivingArrives(dependencies, facts, policy));
  return [
    engine,
    ...(engine.outcome === 'fault' ? [] : await settled('engine-folders', () => checkEngineFolders(dependencies, policy))),
    ...repositories,
    ...arriving,
    checkCloneBinaries(host, facts),
    checkCloneProcesses(host),
    ...checkCollation(host, facts),
    ...checkExtensions(host, facts),
    ...checkWhatIf(host, facts, policy),
    ...(await settled('capture', () => checkCapture(policy, dependencies.readSecret))),
    ...checkDisk(host, facts, policy),
  ];
}

const serverVersion = ({ versionNumber }: ClusterFacts) => `${Math.floor(versionNumber / 10_000)}.${versionNumber % 10_000}`;

/** A check that cannot be made is a fault of its own; the others go on. */
async function settled(name: string, check: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await check();
  } catch (error) {
    return [fault(name, `could not be checked: ${reasonOf(error)}`, 'mend what the reason says, then run `assay doctor` again')];
  }
}
