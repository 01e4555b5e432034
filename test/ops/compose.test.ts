import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const required = {
  ASSAY_SECRETS: '/etc/assay/secrets',
  ASSAY_WORKER_UID: '109',
  ASSAY_WORKER_GID: '117',
  ASSAY_HOST: 'db1',
  ASSAY_POLICY: '/etc/assay/assay.yaml',
};

interface Service {
  readonly image: string;
  readonly restart?: string;
  readonly user?: string | undefined;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly privileged?: boolean;
  readonly network_mode?: string;
  readonly ports?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] } | undefined;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly networks?: Readonly<Record<string, unknown>>;
}

function config(environment: Readonly<Record<string, string>>) {
  const { PATH = '', HOME = '', TMPDIR = '' } = process.env;
  return spawnSync('docker-compose', ['-f', 'docker-compose.yml', 'config'], { encoding: 'utf8', env: { PATH, HOME, TMPDIR, ...environment } });
}

let services: Readonly<Record<string, Service>>;
let networks: Readonly<Record<string, { internal?: boolean }>>;

beforeAll(() => {
  const { stdout, stderr, status } = config(required);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const written = parse(stdout) as { services: Record<string, Written>; networks: typeof networks };
  services = Object.fromEntries(Object.entries(written.services).map(([name, service]) => [name, shortened(service)]));
  networks = written.networks;
});

/** Version 2 of docker-compose writes at length what 1.29 leaves short. */
interface Written extends Omit<Service, 'ports' | 'volumes'> {
  readonly ports?: readonly (string | { readonly host_ip?: string; readonly published: string; readonly target: number })[];
  readonly volumes?: readonly (string | { readonly source: string; readonly target: string; readonly read_only?: boolean })[];
}

const shortened = ({ ports = [], volumes = [], ...rest }: Written): Service => ({
  ...rest,
  ports: ports.map((port) => (typeof port === 'string' ? port : `${port.host_ip === undefined ? '' : `${port.host_ip}:`}${port.published}:${port.target}`)),
  volumes: volumes.map((volume) => (typeof volume === 'string' ? volume : `${volume.source}:${volume.target}:${volume.read_only === true ? 'ro' : 'rw'}`)),
});

test('a port or volume is read alike in both ways of writing it', () => {
  const long: Written = {
    image: 'x:1.0',
    ports: [
      { host_ip: '127.0.0.1', published: '7233', target: 7233 },
      { published: '1', target: 2 },
    ],
    volumes: [
      { source: '/a', target: '/b', read_only: true },
      { source: 'v', target: '/c' },
    ],
  };
  const short: Written = { image: 'x:1.0', ports: ['127.0.0.1:7233:7233', '1:2'], volumes: ['/a:/b:ro', 'v:/c:rw'] };
  expect(shortened(long)).toEqual(shortened(short));
});

const each = () => Object.entries(services);

test.each(Object.keys(required))('without %s compose refuses, and says what it is', (name) => {
  const { [name as keyof typeof required]: _left, ...rest } = required;
  const { status, stderr } = config(rest);
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/make them with|set it to/);
});

/** What would make this compose file unsafe or unwatched; a line each. */
function faultsOf(all: Readonly<Record<string, Service>>): readonly string[] {
  return Object.entries(all).flatMap(([name, service]) => {
    const rules: readonly (readonly [string, boolean])[] = [
      ['publishes beyond loopback', (service.ports ?? []).some((port) => !port.startsWith('127.0.0.1:'))],
      ['has an image without a version', !/^[\w./-]+:v?\d+\.\d+(\.\d+)?(-[\w.]+)?$/.test(service.image)],
      ['runs long without a health check', service.restart !== 'on-failure' && service.healthcheck === undefined],
      ['may be root', !/^[1-9]\d*:\d+$/.test(service.user ?? '')],
      ['keeps capabilities', service.cap_drop?.join() !== 'ALL'],
      ['may gain privileges', service.security_opt?.join() !== 'no-new-privileges:true' || service.privileged === true],
      ['shares the network of the host', service.network_mode !== undefined],
      ['has a secret in its environment', Object.entries(service.environment ?? {}).some(isSecret)],
    ];
    return rules.flatMap(([fault, found]) => (found ? [`${name} ${fault}`] : []));
  });
}

const isSecret = ([key, value]: [string, string]) => /PASSWORD|PWD|SECRET|TOKEN|_KEY$/.test(key) && !value.startsWith('/');

test('nothing but loopback is published; images are pinned, services watched, nobody is root or keeps a capability, no secret is in an environment', () => {
  expect(faultsOf(services)).toEqual([]);
});

test.each<[string, Partial<Service>]>([
  ['publishes beyond loopback', { ports: ['0.0.0.0:9464:9464'] }],
  ['publishes beyond loopback', { ports: ['9464:9464/tcp'] }],
  ['has an image without a version', { image: 'assay-worker:latest' }],
  ['has an image without a version', { image: 'prom/prometheus' }],
  ['runs long without a health check', { healthcheck: undefined }],
  ['may be root', { user: '0:0' }],
  ['may be root', { user: undefined }],
  ['keeps capabilities', { cap_drop: ['NET_RAW'] }],
  ['may gain privileges', { privileged: true }],
  ['shares the network of the host', { network_mode: 'host' }],
  ['has a secret in its environment', { environment: { POSTGRES_PWD: 'temporal' } }],
])('a worker that %s is found: %j', (fault, change) => {
  expect(faultsOf({ worker: { ...(services.worker as Service), ...change } })).toEqual([`worker ${fault}`]);
});

test('four services are published; what ends by itself is restarted on failure only; all but the UI have a read-only root', () => {
  const names = (keep: (service: Service) => boolean) => each().flatMap(([name, service]) => (keep(service) ? [name] : []));
  expect(names(({ ports = [] }) => ports.length > 0)).toEqual(['grafana', 'prometheus', 'temporal', 'temporal-ui']);
  expect(names(({ restart }) => restart !== 'unless-stopped')).toEqual(['temporal-namespace', 'temporal-schema']);
  // its image may write its configuration beside itself at start
  expect(names((service) => service.read_only !== true)).toEqual(['temporal-ui']);
  expect(readFileSync('ops/Dockerfile', 'utf8')).toMatch(/^FROM [\w/-]+:\d+\.\d+\.\d+-[\w-]+$/m);
});

test('the database is reachable from inside only', () => {
  expect(Object.keys(services.postgres?.networks ?? {})).toEqual(['data']);
  expect(networks.data?.internal).toBe(true);
});

test('each service sees its own secrets only, and cannot change them', () => {
  for (const [name, { volumes = [] }] of each()) {
    const mounted = volumes.filter((volume) => volume.startsWith(required.ASSAY_SECRETS));
    expect(
      mounted.every((volume) => /^\/etc\/assay\/secrets\/(postgres|temporal|ui|worker|grafana):\/run\/assay:ro$/.test(volume)),
      name,
    ).toBe(true);
    expect(mounted.length, name).toBeLessThanOrEqual(1);
  }
});

test('server, UI and worker speak mTLS', () => {
  const { temporal, worker } = services;
  expect(temporal?.environment).toMatchObject({ TEMPORAL_TLS_REQUIRE_CLIENT_AUTH: 'true', TEMPORAL_TLS_CLIENT1_CA_CERT: '/run/assay/ca.crt' });
  expect(services['temporal-ui']?.environment).toMatchObject({ TEMPORAL_TLS_CERT: '/run/assay/tls.crt', TEMPORAL_TLS_ENABLE_HOST_VERIFICATION: 'true' });
  expect(worker?.environment).toMatchObject({ ASSAY_TEMPORAL_TLS_CERT: '/run/assay/tls.crt', ASSAY_TEMPORAL_TLS_SERVER_NAME: 'temporal' });
});

test('files that are mounted are there, and Prometheus accepts its configuration', () => {
  const local = each().flatMap(([, { volumes = [] }]) =>
    volumes.map((volume) => volume.split(':')[0] as string).filter((path) => path.startsWith(process.cwd())),
  );
  expect(local.length).toBeGreaterThan(6);
  for (const path of local) expect(statSync(path).size, path).toBeGreaterThan(0);
  const folder = mkdtempSync(join(tmpdir(), 'assay-prometheus-'));
  const text = readFileSync('ops/compose/prometheus.yml', 'utf8').replace('/etc/assay/alerts.yml', join(process.cwd(), 'ops/prometheus/alerts.yml'));
  writeFileSync(join(folder, 'prometheus.yml'), text);
  expect(execFileSync('promtool', ['check', 'config', join(folder, 'prometheus.yml')], { encoding: 'utf8' })).toContain('SUCCESS');
  rmSync(folder, { recursive: true });
});

test('what the image needs is in its build context, and it starts what is there', () => {
  const dockerfile = readFileSync('ops/Dockerfile', 'utf8');
  const copied = [...dockerfile.matchAll(/^COPY (.+) \S+$/gm)].flatMap(([, from]) => (from as string).split(' '));
  const kept = readFileSync('ops/Dockerfile.dockerignore', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  expect(copied.toSorted()).toEqual(kept.toSorted());
  expect(readFileSync('ops/compose/worker.sh', 'utf8')).toMatch(/workers\/assay\.ts worker/);
  expect(dockerfile).toMatch(/^USER postgres$/m);
});

describe('make-secrets.sh', () => {
  let folder: string;
  const make = () => execFileSync('ops/compose/make-secrets.sh', [folder, `${process.getuid?.()}:${process.getgid?.()}`], { stdio: 'pipe' });
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const all = () => (readdirSync(folder, { recursive: true, encoding: 'utf8' }) as string[]).filter((name) => statSync(join(folder, name)).isFile()).toSorted();

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'assay-secrets-'));
    make();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('makes every secret that compose mounts, for its owner only', () => {
    const needed = ['ca.crt', 'tls.crt', 'tls.key'];
    const folders = { temporal: [...needed, 'db-password'], ui: needed, cli: needed, worker: [...needed, 'control-url', 'payload-key', 'signing-key.pem'] };
    for (const [name, files] of Object.entries(folders)) expect(all(), name).toEqual(expect.arrayContaining(files.map((file) => `${name}/${file}`)));
    for (const name of all().filter((file) => !file.startsWith('signing-key.pub'))) expect(statSync(join(folder, name)).mode & 0o077, name).toBe(0);
    expect(Buffer.from(read('worker/payload-key'), 'base64')).toHaveLength(32);
    expect(read('worker/control-url')).toContain(read('postgres/assay-password').trim());
    expect(read('temporal/db-password')).toBe(read('postgres/temporal-password'));
  });

  test('a second run changes nothing', () => {
    const before = all().map((name) => [name, read(name)]);
    make();
    expect(all().map((name) => [name, read(name)])).toEqual(before);
  });

  test('a new identity is signed by the same authority', () => {
    const before = read('worker/tls.crt');
    execFileSync('ops/compose/make-certificates.sh', [folder, '--renew'], { stdio: 'pipe' });
    expect(read('worker/tls.crt')).not.toBe(before);
    for (const name of ['temporal', 'ui', 'worker', 'cli'])
      execFileSync('openssl', ['verify', '-CAfile', join(folder, 'ca/ca.crt'), join(folder, name, 'tls.crt')], { stdio: 'pipe' });
  });

  test('the server lets in an identity of the authority, and nobody else', async () => {
    const stranger = mkdtempSync(join(tmpdir(), 'assay-stranger-'));
    execFileSync('ops/compose/make-certificates.sh', [stranger], { stdio: 'pipe' });
    const pem = (directory: string, name: string) => ({
      cert: readFileSync(join(directory, name, 'tls.crt')),
      key: readFileSync(join(directory, name, 'tls.key')),
    });
    const ca = read('ca/ca.crt');
    const server = createServer({ ...pem(folder, 'temporal'), ca, requestCert: true, rejectUnauthorized: true }, (socket) => socket.end('in'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const enter = (identity: object) =>
      new Promise<string>((resolve) => {
        const socket: TLSSocket = connect({ port, host: '127.0.0.1', servername: 'temporal', ca, ...identity });
        let heard = '';
        socket.on('data', (data) => (heard += String(data)));
        socket.on('error', () => resolve('refused')).on('close', () => resolve(heard || 'refused'));
      });
    try {
      expect(await enter(pem(folder, 'worker'))).toBe('in');
      expect(await enter(pem(folder, 'ui'))).toBe('in');
      expect(await enter({})).toBe('refused');
      expect(await enter(pem(stranger, 'worker'))).toBe('refused');
      expect(await enter({ ...pem(folder, 'worker'), servername: 'elsewhere' })).toBe('refused');
    } finally {
      await new Promise((resolve) => server.close(resolve));
      rmSync(stranger, { recursive: true });
    }
  });
});
