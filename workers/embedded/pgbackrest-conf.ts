/** The pgbackrest.conf of an embedded cluster: every folder its own, nothing of the machine's configuration is read. */
import { chmodSync, chownSync, existsSync, writeFileSync } from 'node:fs';
import type { OsUser } from '../../activities/os-user.ts';

/** Where an embedded cluster's backups go. `path`: default `<directory>/repo`; in a bucket `/<stanza>`. */
export type EmbeddedRepository =
  | { readonly kind: 'posix'; readonly path?: string }
  | {
      readonly kind: 's3';
      readonly path?: string;
      readonly endpoint: string;
      readonly port: number;
      readonly bucket: string;
      readonly key: string;
      readonly keySecret: string;
      /** Default us-east-1. */
      readonly region?: string;
    };

export interface ConfSource {
  readonly stanza: string;
  readonly repository: EmbeddedRepository;
  readonly repositoryPath: string;
  readonly cipherPass: string;
  readonly logDirectory: string;
  readonly lockDirectory: string;
  readonly spoolDirectory: string;
  /** 2.45 calls block incremental a beta feature and refuses it unasked (status 31). */
  readonly beta: boolean;
  readonly blockIncremental: boolean;
  readonly archiveAsync: boolean;
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly port: number;
}

/** Writes it 0600 for the server's user; one that exists stays, since it alone holds the cipher key. */
export function writeConf(file: string, source: ConfSource, owner: OsUser): void {
  if (existsSync(file)) return;
  writeFileSync(file, confText(source), { mode: 0o600 });
  chmodSync(file, 0o600);
  if (owner.switched) chownSync(file, owner.uid, owner.gid);
}

/** The file's text. */
export function confText(source: ConfSource): string {
  const global: Record<string, string | number> = {
    'repo1-path': source.repositoryPath,
    'repo1-cipher-type': 'aes-256-cbc',
    'repo1-cipher-pass': source.cipherPass,
    'repo1-bundle': 'y',
    ...(source.blockIncremental ? { 'repo1-block': 'y', ...(source.beta ? { beta: 'y' } : {}) } : {}),
    ...s3Options(source.repository),
    'process-max': 2,
    'compress-type': 'zst',
    'compress-level': 3,
    'start-fast': 'y',
    // what expires is decided by our retention, never as a side effect of a backup
    'expire-auto': 'n',
    'archive-timeout': 30,
    'log-path': source.logDirectory,
    'log-level-console': 'warn',
    'lock-path': source.lockDirectory,
    // a spool without asynchronous archiving is refused (status 31) and breaks archive-get
    ...(source.archiveAsync ? { 'archive-async': 'y', 'spool-path': source.spoolDirectory } : {}),
  };
  const stanza = { 'pg1-path': source.dataDirectory, 'pg1-socket-path': source.socketDirectory, 'pg1-port': source.port, 'pg1-user': 'postgres' };
  return `[global]\n${section(global)}\n[${source.stanza}]\n${section(stanza)}`;
}

function s3Options(repository: EmbeddedRepository): Record<string, string | number> {
  if (repository.kind === 'posix') return {};
  return {
    'repo1-type': 's3',
    'repo1-s3-endpoint': repository.endpoint,
    'repo1-storage-port': repository.port,
    'repo1-s3-bucket': repository.bucket,
    'repo1-s3-region': repository.region ?? 'us-east-1',
    'repo1-s3-uri-style': 'path',
    'repo1-s3-key': repository.key,
    'repo1-s3-key-secret': repository.keySecret,
    // the certificate of an embedded gateway is self-signed
    'repo1-storage-verify-tls': 'n',
  };
}

const section = (options: Record<string, string | number>) =>
  Object.entries(options)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
