/** What a process of the fleet takes from its environment. One definition gives the parser, `assay config show` and docs/configuration.md. */
import { readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { readNamedFile } from '../activities/named-file.ts';
import { AssayError, reasonOf } from '../domain/errors.ts';
import type { FleetPolicy, SecretReference } from '../domain/policy.ts';

const port = z.coerce.number().int().min(0).max(65_535);
const filePath = z.string().min(1);
const encryptionKeys = z
  .string()
  .refine(
    (text) => text.split(',').every((key) => Buffer.from(key.trim(), 'base64').length === 32),
    'write 32 random bytes as base64 (`openssl rand -base64 32`)',
  );

/** Every variable with one line of help; `secret` ones print as stars. */
export const environment = {
  ASSAY_TEMPORAL_ADDRESS: {
    schema: z
      .string()
      .regex(/^\S+:\d+$/, 'write HOST:PORT')
      .optional(),
    secret: false,
    default: 'temporal.address of the policy, else 127.0.0.1:7233',
    help: 'Temporal server, HOST:PORT',
  },
  ASSAY_TEMPORAL_NAMESPACE: {
    schema: z.string().min(1).optional(),
    secret: false,
    default: 'temporal.namespace of the policy, else default',
    help: 'Temporal namespace of the fleet',
  },
  ASSAY_TEMPORAL_TLS_CERT: { schema: filePath.optional(), secret: false, default: 'none', help: 'Client certificate for mTLS, path of a PEM file' },
  ASSAY_TEMPORAL_TLS_KEY: { schema: filePath.optional(), secret: false, default: 'none', help: 'Private key of that certificate, path of a PEM file' },
  ASSAY_TEMPORAL_TLS_CA: {
    schema: filePath.optional(),
    secret: false,
    default: 'the system roots',
    help: 'Authority that signed the server certificate, path of a PEM file; alone it means TLS without a client certificate',
  },
  ASSAY_TEMPORAL_TLS_SERVER_NAME: {
    schema: z.string().min(1).optional(),
    secret: false,
    default: 'the host of the address',
    help: 'Name expected in the server certificate',
  },
  ASSAY_CONTROL_URL: {
    schema: z
      .string()
      .regex(/^postgres(ql)?:\/\//, 'write postgresql://USER:PASSWORD@HOST:PORT/DATABASE')
      .optional(),
    secret: true,
    default: 'none',
    help: 'Control database, a postgresql:// URL; read by `control: env:ASSAY_CONTROL_URL` in the policy',
  },
  ASSAY_SIGNING_KEY: {
    schema: z.string().includes('PRIVATE KEY', { error: 'write the PEM text of an Ed25519 private key (`assay init --signing-key` makes one)' }).optional(),
    secret: true,
    default: 'none',
    help: 'Ed25519 private key that signs certificates, PEM text; read by `signing_key: env:ASSAY_SIGNING_KEY` in the policy',
  },
  ASSAY_PAYLOAD_KEY: {
    schema: encryptionKeys.optional(),
    secret: true,
    default: 'none: payloads are not encrypted',
    help: 'Keys that encrypt what enters a Temporal history, 32 bytes as base64 each, separated by commas; the first encrypts, all decrypt',
  },
  ASSAY_CAPTURE_KEY: {
    schema: encryptionKeys.optional(),
    secret: true,
    default: 'none: values of statements are not captured',
    help: 'Keys that encrypt captured values of statements, 32 bytes as base64 each, separated by commas; the first encrypts, all decrypt; read by `capture.key: env:ASSAY_CAPTURE_KEY` in the policy',
  },
  ASSAY_HOST: {
    schema: z
      .string()
      .regex(/^[A-Za-z0-9._-]+$/, 'write a name of letters, digits, dots, dashes')
      .optional(),
    secret: false,
    default: "the machine's host name",
    help: 'Name of this host: its worker polls the queue assay@HOST, clusters name it in `host`',
  },
  ASSAY_POLICY: { schema: filePath.optional(), secret: false, default: './assay.yaml', help: 'Policy file' },
  ASSAY_ADMIN_USER: {
    schema: z.string().min(1).optional(),
    secret: false,
    default: "the policy's connection.user",
    help: "Role that makes and drops Assay's objects in the clusters (`apply`, `remove`), where the policy's own role may not",
  },
  ASSAY_ADMIN_PASSWORD: { schema: z.string().min(1).optional(), secret: true, default: 'none', help: 'Password of that role' },
  ASSAY_METRICS_ADDRESS: { schema: z.string().min(1).optional(), secret: false, default: '127.0.0.1', help: 'Address the /metrics endpoint listens on' },
  ASSAY_METRICS_PORT: { schema: port.optional(), secret: false, default: '9464', help: 'Port of /metrics, 0-65535; 0 takes any free one' },
  ASSAY_LOG_LEVEL: {
    schema: z.enum(['debug', 'info', 'warn', 'error']).optional(),
    secret: false,
    default: 'info',
    help: 'Least level that is logged: debug, info, warn, error',
  },
} as const;

export interface TemporalTls {
  readonly certificate: string | null;
  readonly key: string | null;
  readonly ca: string | null;
  readonly serverName: string | null;
}

export interface ProcessConfig {
  readonly host: string;
  /** Whole path. */
  readonly policyFile: string;
  /** null where the environment is silent: the policy decides then, see `temporalOf`. Paths, not contents. */
  readonly temporal: { readonly address: string | null; readonly namespace: string | null; readonly tls: TemporalTls | null };
  readonly controlUrl: string | null;
  readonly signingKey: string | null;
  readonly payloadKey: string | null;
  /** Makes Assay's objects in the clusters; null: the policy's own role does. */
  readonly admin?: { readonly user: string; readonly password: SecretReference | null } | null;
  readonly metrics: { readonly address: string; readonly port: number };
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

type Environment = Readonly<Record<string, string | undefined>>;
type Name = keyof typeof environment;
type Values = { readonly [N in Name]: z.infer<(typeof environment)[N]['schema']> };

/** Reads and checks the environment. An empty variable counts as not set. Throws usage with all faults at once; never shows a secret. */
export function readConfig(env: Environment = process.env): ProcessConfig {
  const values = parse(env);
  const tls = [values.ASSAY_TEMPORAL_TLS_CERT, values.ASSAY_TEMPORAL_TLS_KEY, values.ASSAY_TEMPORAL_TLS_CA].some((path) => path !== undefined);
  return {
    host: values.ASSAY_HOST ?? hostname(),
    policyFile: resolve(values.ASSAY_POLICY ?? 'assay.yaml'),
    temporal: {
      address: values.ASSAY_TEMPORAL_ADDRESS ?? null,
      namespace: values.ASSAY_TEMPORAL_NAMESPACE ?? null,
      tls: tls
        ? {
            certificate: values.ASSAY_TEMPORAL_TLS_CERT ?? null,
            key: values.ASSAY_TEMPORAL_TLS_KEY ?? null,
            ca: values.ASSAY_TEMPORAL_TLS_CA ?? null,
            serverName: values.ASSAY_TEMPORAL_TLS_SERVER_NAME ?? null,
          }
        : null,
    },
    controlUrl: values.ASSAY_CONTROL_URL ?? null,
    signingKey: values.ASSAY_SIGNING_KEY ?? null,
    payloadKey: values.ASSAY_PAYLOAD_KEY ?? null,
    admin:
      values.ASSAY_ADMIN_USER === undefined
        ? null
        : { user: values.ASSAY_ADMIN_USER, password: values.ASSAY_ADMIN_PASSWORD === undefined ? null : 'env:ASSAY_ADMIN_PASSWORD' },
    metrics: { address: values.ASSAY_METRICS_ADDRESS ?? '127.0.0.1', port: values.ASSAY_METRICS_PORT ?? 9464 },
    logLevel: values.ASSAY_LOG_LEVEL ?? 'info',
  };
}

/** Where Temporal is: the environment first, then the policy, then 127.0.0.1:7233 and `default`. */
export function temporalOf(
  config: ProcessConfig,
  policy: Pick<FleetPolicy, 'temporal'> | null,
): { address: string; namespace: string; tls: TemporalTls | null } {
  return {
    address: config.temporal.address ?? policy?.temporal.address ?? '127.0.0.1:7233',
    namespace: config.temporal.namespace ?? policy?.temporal.namespace ?? 'default',
    tls: config.temporal.tls ?? policy?.temporal.tls ?? null,
  };
}

/** Connection options of @temporalio/client and @temporalio/worker: certificates are read here. Throws secret-unreadable, usage. */
export function temporalConnection(config: ProcessConfig, policy: Pick<FleetPolicy, 'temporal'> | null) {
  const { address, namespace, tls } = temporalOf(config, policy);
  if (tls === null) return { address, namespace };
  const pem = (path: string) => Buffer.from(readSecret(`file:${path}`));
  const hint = 'correct temporal.tls in assay.yaml, or ASSAY_TEMPORAL_TLS_CA and ASSAY_TEMPORAL_TLS_CERT of this process';
  const certificate = (path: string) => readNamedFile(path, { what: 'a certificate for Temporal', hint });
  return {
    address,
    namespace,
    tls: {
      ...(tls.ca === null ? {} : { serverRootCACertificate: certificate(tls.ca) }),
      ...(tls.serverName === null ? {} : { serverNameOverride: tls.serverName }),
      ...(tls.certificate === null || tls.key === null ? {} : { clientCertPair: { crt: certificate(tls.certificate), key: pem(tls.key) } }),
    },
  };
}

/** One variable as `assay config show` prints it; `value` null: not set, the default is in force; a secret's value is stars. */
export interface ShownVariable {
  readonly name: string;
  readonly value: string | null;
  readonly default: string;
  readonly secret: boolean;
  readonly help: string;
}

/** `assay config show --json`. */
export function configValues(env: Environment = process.env): readonly ShownVariable[] {
  return Object.entries(environment).map(([name, { secret, default: fallback, help }]) => {
    const value = env[name] === '' ? undefined : env[name];
    return { name, value: value === undefined ? null : secret ? '********' : value, default: fallback, secret, help };
  });
}

/** `assay config show`: each variable, its value or default, its help; secrets as stars. */
export function showConfig(env: Environment = process.env): string {
  return configValues(env)
    .map(({ name, value, default: fallback, help }) => `${name}=${value ?? `(${fallback})`}\n    ${help}`)
    .join('\n');
}

/** The value behind `env:NAME` or `file:/path`; a trailing newline of a file is dropped. Throws secret-unreadable, also where others may read the file. */
export function readSecret(reference: SecretReference): string {
  const refuse = (reason: string, cause?: unknown) => new AssayError('secret-unreadable', { reference: shownReference(reference), reason }, { cause });
  if (reference.startsWith('env:')) {
    const value = process.env[reference.slice('env:'.length)];
    if (value === undefined || value === '') throw refuse('the variable is not set');
    return value;
  }
  const path = reference.startsWith('file:') ? reference.slice('file:'.length) : '';
  if (!isAbsolute(path)) throw refuse('it is neither env:NAME nor file:/path');
  try {
    const { mode } = statSync(path);
    if ((mode & 0o077) !== 0) throw refuse(`its mode is ${(mode & 0o777).toString(8).padStart(4, '0')}: others may read it`);
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw error instanceof AssayError ? error : refuse(reasonOf(error), error);
  }
}

// whatever is no reference may be the secret itself
const shownReference = (reference: string) => (/^(env:|file:)/.test(reference) ? reference : '(not a reference)');

function parse(env: Environment): Values {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, { schema }] of Object.entries(environment)) {
    const result = schema.safeParse(env[name] === '' ? undefined : env[name]);
    if (result.success) values[name] = result.data;
    else faults.push(`${name}: ${result.error.issues.map((issue) => issue.message).join('; ')}`);
  }
  const both: readonly Name[] = ['ASSAY_TEMPORAL_TLS_CERT', 'ASSAY_TEMPORAL_TLS_KEY'];
  const given = both.filter((name) => env[name]);
  if (given.length === 1) faults.push(`${given[0]}: give ${both.join(' and ')} together`);
  if (faults.length > 0)
    throw new AssayError('usage', {
      reason: `the environment has ${faults.length} fault(s):\n${faults.join('\n')}`,
      hint: '`assay config show` explains each variable',
    });
  return values as Values; // each value came out of its own schema just above
}
