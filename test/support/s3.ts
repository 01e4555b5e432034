/** A real S3 server for tests: versitygw on a folder, self-signed TLS. A bucket is a folder of its root. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { run } from '../../activities/process.ts';
import { findProgram } from '../../workers/embedded/binaries.ts';
import { startDaemon } from '../../workers/embedded/daemon.ts';
import type { EmbeddedRepository } from '../../workers/embedded/pgbackrest-conf.ts';
import { freePort } from '../../workers/embedded/ports.ts';

export interface S3 {
  readonly repository: Extract<EmbeddedRepository, { kind: 's3' }>;
  /** Where the objects of the bucket lie as files: to damage or lose one. */
  readonly bucketDirectory: string;
  /** The endpoint goes dead; what it kept stays. Idempotent. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** As a fault would do it: KILL ends it, STOP leaves it listening and silent until CONT. */
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void>;
}

const gateway = findProgram('versitygw');

/** `describe` for tests on S3: where there is no server they are skipped loudly, and in CI they fail. */
export const describeS3: typeof describe | typeof describe.skip = gateway === undefined && process.env.CI !== 'true' ? skipLoudly() : describe;

function skipLoudly() {
  console.warn('NO S3 SERVER: tests on S3 did not run; `sh ops/setup/s3.sh` builds one');
  return describe.skip;
}

/** Starts it with one empty bucket; gone after the file. */
export async function startS3(bucket = 'assay'): Promise<S3> {
  if (gateway === undefined) throw new Error('NO S3 SERVER: tests on S3 cannot run; `sh ops/setup/s3.sh` builds one');
  const directory = mkdtempSync(join(tmpdir(), 's3-'));
  const bucketDirectory = join(directory, 'root', bucket);
  mkdirSync(bucketDirectory, { recursive: true });
  const [certificate, privateKey] = await selfSigned(directory);
  const port = await freePort();
  const [key, keySecret] = [randomBytes(10).toString('hex'), randomBytes(20).toString('hex')];
  const launch = () =>
    startDaemon({
      argv: [gateway, '--quiet', '--port', `127.0.0.1:${port}`, '--cert', certificate, '--key', privateKey, 'posix', join(directory, 'root')],
      env: { ROOT_ACCESS_KEY: key, ROOT_SECRET_KEY: keySecret },
      logFile: join(directory, 'log'),
      ready: () => listens(port),
    });
  let daemon = await launch();
  made.push(async () => {
    await daemon.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    repository: { kind: 's3', endpoint: '127.0.0.1', port, bucket, key, keySecret, region: 'us-east-1' },
    bucketDirectory,
    stop: () => daemon.stop(),
    start: async () => {
      daemon = await launch();
    },
    signal: async (name) => {
      if (name === 'SIGKILL') await daemon.kill(name);
      else process.kill(daemon.pid, name);
    },
  };
}

const made: (() => Promise<void>)[] = [];

afterAll(async () => {
  await Promise.all(made.splice(0).map((undo) => undo()));
});

async function selfSigned(directory: string): Promise<[string, string]> {
  const [certificate, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  const what = ['-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await run({ argv: ['openssl', 'req', '-x509', ...what, '-keyout', key, '-out', certificate], deadlineMs: 30_000 });
  return [certificate, key];
}

const listens = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
