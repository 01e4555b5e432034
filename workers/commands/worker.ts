/** `assay worker`: production. One process on a host, against an existing Temporal server and control database. */
import { existsSync } from 'node:fs';
import { AssayError } from '../../domain/errors.ts';
import type { FleetPolicy, SecretReference } from '../../domain/policy.ts';
import type { GlobalOptions } from '../../ops/cli/handlers.ts';
import { readConfig, readSecret } from '../config.ts';
import { startFleet } from '../fleet.ts';
import { readPolicy } from '../read-policy.ts';
import { configOf } from './connection.ts';

/** Stays until SIGTERM or SIGINT. The policy file is read only for what the environment leaves out. */
export async function runWorker(options: GlobalOptions, onReady: (metricsUrl: string) => void = () => {}): Promise<void> {
  const config = configOf(options);
  const file = existsSync(config.policyFile) ? readPolicy(config.policyFile) : null;
  const fleet = await startFleet({ config, policy: file, signingKey: signingKeyOf(file), controlUrl: controlUrlOf(file) });
  onReady(fleet.metricsUrl);
  await fleet.run();
}

/** URL of the control database; the environment first. Throws usage, secret-unreadable. */
export function controlUrlOf(file: FleetPolicy | null): string {
  const { controlUrl } = readConfig();
  if (controlUrl !== null) return controlUrl;
  if (file !== null) return readSecret(file.control);
  throw new AssayError('usage', { reason: 'no control database is named', hint: 'set ASSAY_CONTROL_URL, or give a policy with `control:`' });
}

export function signingKeyOf(file: FleetPolicy | null): SecretReference {
  if (readConfig().signingKey !== null) return 'env:ASSAY_SIGNING_KEY';
  if (file !== null) return file.signingKey;
  throw new AssayError('signing-key-missing', { reason: 'neither ASSAY_SIGNING_KEY nor a policy with `signing_key:` is there' });
}
