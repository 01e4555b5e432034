/** The fleet itself: Temporal, workers, the control database, and whether they would fall with the cluster they keep. */
import pg from 'pg';
import { isAssayError, reasonOf } from '../../domain/errors.ts';
import { applicationName, fleetQueue, hostQueue } from '../../domain/ids.ts';
import type { ClusterPolicy, FleetPolicy } from '../../domain/policy.ts';
import { type Finding, fault, ok, warning } from './line.ts';
import type { DoctorDependencies, TemporalView } from './ports.ts';

export async function checkTemporal(temporal: TemporalView): Promise<Finding> {
  const name = 'temporal';
  try {
    return ok(name, `Temporal ${await temporal.version()} answers at ${temporal.address}`);
  } catch (error) {
    return fault(
      name,
      isAssayError(error, 'temporal-unreachable') ? error.message : `Temporal at ${temporal.address}: ${reasonOf(error)}`,
      'start it, or name another with ASSAY_TEMPORAL_ADDRESS or temporal.address',
    );
  }
}

/** Workflows run on any worker, host-bound steps only on the worker of that host. */
export async function checkWorkers(temporal: TemporalView, hosts: readonly string[]): Promise<readonly Finding[]> {
  const name = 'workers';
  const look = async (queue: string, kind: 'workflow' | 'activity', host: string | null): Promise<Finding> => {
    const pollers = await temporal.pollers(queue, kind);
    if (pollers.length > 0) return ok(name, `${pollers.length} worker(s) poll ${queue}`);
    return fault(
      name,
      `no worker polls ${queue}`,
      host === null ? 'start `assay worker` on any host' : `start \`assay worker\` on ${host}, with ASSAY_HOST=${host}`,
    );
  };
  return Promise.all([look(fleetQueue, 'workflow', null), ...hosts.map((host) => look(hostQueue(host), 'activity', host))]);
}

export interface ControlFacts {
  readonly systemIdentifier: string | null;
  readonly host: string;
}

/** Also says which cluster it lives in. */
export async function checkControl(
  { readSecret }: DoctorDependencies,
  fleet: FleetPolicy,
): Promise<{ readonly finding: Finding; readonly facts: ControlFacts | null }> {
  const name = 'control-database';
  try {
    const client = new pg.Client({ connectionString: readSecret(fleet.control), connectionTimeoutMillis: 10_000, application_name: applicationName('doctor') });
    client.on('error', () => {});
    await client.connect();
    try {
      const { rows } = await client.query<{ id: string }>('/* assay doctor */ select system_identifier::text as id from pg_control_system()');
      return { finding: ok(name, `the control database answers (${client.host})`), facts: { systemIdentifier: rows[0]?.id ?? null, host: client.host } };
    } finally {
      await client.end().catch(() => {});
    }
  } catch (error) {
    const fix = isAssayError(error, 'secret-unreadable')
      ? error.hint
      : 'start it, or correct the URL that `control` refers to; a cold-start restore works without it';
    return { finding: fault(name, `the control database does not answer: ${reasonOf(error)}`, fix), facts: null };
  }
}

/** The signer's key; only its worker needs it. */
export function checkSigningKey({ readSecret }: DoctorDependencies, fleet: FleetPolicy): Finding {
  const name = 'signing-key';
  try {
    const pem = readSecret(fleet.signingKey);
    return pem.includes('PRIVATE KEY')
      ? ok(name, 'the signing key can be read')
      : fault(name, `${fleet.signingKey} holds no private key`, 'make one with `assay init --signing-key`');
  } catch (error) {
    return warning(
      name,
      `certificates cannot be signed from here: ${reasonOf(error)}`,
      /its mode is/.test(reasonOf(error))
        ? 'make it readable by its owner only: chmod 600'
        : 'make a key with `assay init --signing-key`, and name it in signing_key',
    );
  }
}

/** What lives in the cluster it keeps is gone when it is needed most. */
export function checkPlaces(policy: ClusterPolicy, systemIdentifier: string, control: ControlFacts | null, temporal: TemporalView | null): readonly Finding[] {
  const name = 'placement';
  const findings: Finding[] = [];
  if (control?.systemIdentifier === systemIdentifier) {
    findings.push(
      warning(
        name,
        'the control database lives in this cluster',
        'move it to another cluster; until then a recovery starts cold, from repository and policy file',
      ),
    );
  }
  const temporalHost = temporal?.address.replace(/:\d+$/, '') ?? '';
  if (temporal !== null && (isLocal(policy.connection.host) ? isLocal(temporalHost) : temporalHost === policy.connection.host)) {
    const production = policy.environment === 'production';
    findings.push(
      (production ? warning : alright)(
        name,
        `Temporal (${temporal.address}) runs on the host of this cluster`,
        'move it: alerts and restores stop with that host',
      ),
    );
  }
  return findings.length > 0 ? findings : [ok(name, 'neither Temporal nor the control database falls with this cluster')];
}

const alright = (name: string, line: string, _fix: string) => ok(name, line);

const isLocal = (host: string) => host.startsWith('/') || ['localhost', '127.0.0.1', '::1', '[::1]'].includes(host);
