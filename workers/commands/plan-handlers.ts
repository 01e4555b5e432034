/** The CLI's commands on the policy file: init, doctor, plan, apply, remove, config show. Handed in by `workers/assay.ts`. */
import { dirname, join } from 'node:path';
import { Connection } from '@temporalio/client';
import pg from 'pg';
import { pgbackrest } from '../../activities/backup/engines/pgbackrest.ts';
import { runDoctor } from '../../activities/doctor/doctor.ts';
import { AssayError } from '../../domain/errors.ts';
import type { FleetPolicy } from '../../domain/policy.ts';
import type { GlobalOptions, InitRequest, LocalHandlers, Tell } from '../../ops/cli/handlers.ts';
import { configValues, readSecret, showConfig, temporalConnection } from '../config.ts';
import { readPolicy } from '../read-policy.ts';
import { applyFleet, removeCluster } from './apply.ts';
import { configOf } from './connection.ts';
import { doctorDependencies, temporalView } from './doctor.ts';
import { type InitOptions, initPolicy } from './init.ts';
import { planFleet } from './plan.ts';
import { openPlan } from './plan-dependencies.ts';
import type { PlanDependencies } from './plan-ports.ts';

type PolicyHandlers = Pick<LocalHandlers, 'init' | 'doctor' | 'plan' | 'apply' | 'remove' | 'configShow'>;

export const policyHandlers: PolicyHandlers = {
  init: async (request, options) => {
    const { file, text, notes, written, adopted, foreignJobs } = await initPolicy(initOptions(request, options));
    if (text === '') return { file, text, written, notes };
    const adoption =
      adopted === null
        ? 'no pgbackrest.conf to adopt: `assay apply` makes one'
        : `adopts stanza ${adopted.stanza} of ${adopted.config}, which is never written`;
    const jobs = foreignJobs === 0 ? [] : [`${foreignJobs} backup job(s) that are not ours are named in the file`];
    return { file, text, written, notes: [adoption, ...jobs, ...notes] };
  },
  doctor: async ({ cluster }, options) => {
    const config = configOf(options);
    const fleet = readPolicy(config.policyFile);
    const { namespace, ...where } = temporalConnection(config, fleet);
    const temporal = temporalView(where.address, namespace, () => Connection.connect({ ...where, connectTimeout: 5_000 }));
    const dependencies = doctorDependencies({ host: config.host, readSecret, engineFor: (policy) => pgbackrest(policy, { observe: () => {} }), temporal });
    return runDoctor(dependencies, cluster === undefined ? fleet : only(fleet, cluster));
  },
  plan: (options) =>
    withPlan(options, async (dependencies, fleet) => {
      const { obstacles: _, ...report } = await planFleet(dependencies, fleet);
      return report;
    }),
  apply: ({ confirmRemovals, tell }, options, onChange) =>
    withPlan(options, (dependencies, fleet) => applyFleet(dependencies, fleet, { confirmRemovals, onChange }), tell),
  remove: ({ cluster, dryRun, leaveSql = false }, options, onChange) =>
    withPlan(options, (dependencies, fleet) => {
      const policy = fleet.clusters.find((each) => each.cluster === cluster);
      return removeCluster(dependencies, cluster, { dryRun, leaveSql, onChange, ...(policy === undefined ? {} : { policy }) });
    }),
  configShow: async () => ({ text: showConfig(), data: { variables: configValues() } }),
};

function only(fleet: FleetPolicy, cluster: string): FleetPolicy {
  const clusters = fleet.clusters.filter((policy) => policy.cluster === cluster);
  if (clusters.length > 0) return { ...fleet, clusters };
  throw new AssayError('cluster-unknown', { cluster, where: fleet.file, known: fleet.clusters.map((policy) => policy.cluster).join(', ') });
}

async function withPlan<T>(options: GlobalOptions, use: (dependencies: PlanDependencies, fleet: FleetPolicy) => Promise<T>, tell?: Tell): Promise<T> {
  const config = configOf(options);
  const fleet = readPolicy(config.policyFile);
  const { dependencies, close } = await openPlan({ config, fleet, ...(tell === undefined ? {} : { tell }) });
  try {
    return await use(dependencies, fleet);
  } finally {
    await close();
  }
}

function initOptions(request: InitRequest, options: GlobalOptions): InitOptions {
  const config = configOf(options);
  return {
    file: config.policyFile,
    host: config.host,
    dryRun: request.dryRun,
    force: request.force ?? false,
    ...(request.name === undefined ? {} : { cluster: request.name }),
    ...(request.engineConfig === undefined ? {} : { config: request.engineConfig }),
    ...(request.stanza === undefined ? {} : { stanza: request.stanza }),
    ...(request.signingKey ? { signingKey: join(dirname(config.policyFile), 'signing.key') } : {}),
    ...(request.connection === undefined ? {} : { connection: parseConnection(request.connection) }),
  };
}

/** As libpq reads it, a socket's folder as `?host=/folder` included. A password in it is refused: it would land in the file. */
export function parseConnection(text: string): NonNullable<InitOptions['connection']> {
  if (!/^postgres(ql)?:\/\//.test(text)) throw noUrl();
  if (/:\/\/[^/@]*:[^/@]*@/.test(text) || /[?&]password=/.test(text)) {
    throw new AssayError('usage', { reason: 'the connection holds a password', hint: 'leave it out and set PGPASSWORD' });
  }
  const { host, port, user, database } = read(text);
  return { host, port, user: user ?? 'postgres', database: database ?? 'postgres' };
}

/** A port without a host before it is libpq's way, and no URL by the standard. */
const NO_HOST = /^(\w+:\/\/(?:[^/?#]*@)?)(?=:\d)/;

/** By the driver's own parser; nothing connects here. */
function read(text: string): pg.Client {
  try {
    return new pg.Client({ connectionString: text.replace(NO_HOST, '$1localhost') });
  } catch {
    throw noUrl();
  }
}

const noUrl = () => new AssayError('usage', { reason: 'the connection is no URL', hint: 'write postgresql://USER@HOST:PORT/DATABASE' });
