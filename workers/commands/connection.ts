/** What commands need before they talk to the fleet: where Temporal is, which clusters the policy names. Light: no driver is loaded. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { FleetPolicy } from '../../domain/policy.ts';
import type { GlobalOptions } from '../../ops/cli/handlers.ts';
import type { AssayOptions } from '../../ops/client/connect.ts';
import { type ProcessConfig, readConfig, temporalConnection } from '../config.ts';
import { readPolicy } from '../read-policy.ts';

/** Options of the command line first, then the environment, then the policy file where there is one. Throws usage, policy-invalid, secret-unreadable. */
export function connectionFor(options: GlobalOptions): AssayOptions {
  const config = configOf(options);
  const { tls, ...where } = temporalConnection(config, fleetIfThere(config));
  return { ...where, ...(tls === undefined ? {} : { tls }), codecKey: config.payloadKey };
}

export const clusterNames = (options: GlobalOptions): readonly string[] => fleetIfThere(configOf(options))?.clusters.map(({ cluster }) => cluster) ?? [];

/** The environment, with what the command line says on top. */
export function configOf({ file, address, namespace }: GlobalOptions): ProcessConfig {
  const config = readConfig();
  const temporal = { ...config.temporal, ...(address === undefined ? {} : { address }), ...(namespace === undefined ? {} : { namespace }) };
  return { ...config, policyFile: file === undefined ? config.policyFile : resolve(file), temporal };
}

/** null where there is no policy file: an address and a worker are enough for most commands. */
export const fleetIfThere = ({ policyFile }: ProcessConfig): FleetPolicy | null => (existsSync(policyFile) ? readPolicy(policyFile) : null);
