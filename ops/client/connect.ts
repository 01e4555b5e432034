/** The way in for other services: `const assay = await connectAssay({ address })`. */
import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import { type BackupClient, backupClient } from './backup.ts';
import { payloadCodec } from './codec.ts';
import { asAssayError } from './failures.ts';
import { type OptimizerClient, optimizerClient } from './optimizer.ts';

export interface AssayOptions {
  /** Temporal server, HOST:PORT. Default 127.0.0.1:7233. */
  readonly address?: string;
  /** Default `default`. */
  readonly namespace?: string;
  /** As @temporalio/client takes it; true for TLS with the system's roots. */
  readonly tls?: ConnectionOptions['tls'];
  /** The fleet's ASSAY_PAYLOAD_KEY, 32 bytes as base64; needed where the fleet has one. */
  readonly codecKey?: string | null;
  /** How long a server may take to answer. Default 5 s. */
  readonly connectTimeoutMs?: number;
  /** How long a worker may take to appear before a request is refused with no-worker; 0 makes requests without one. Default 10 s. */
  readonly workerPatienceMs?: number;
}

export interface AssayClient {
  /** The server that it is connected to. */
  readonly server: { readonly address: string; readonly namespace: string };
  readonly backup: BackupClient;
  readonly optimizer: OptimizerClient;
  /** Gives back the connection; requests go on. */
  close(): Promise<void>;
}

const CONNECT_MS = 5_000;
const WORKER_MS = 10_000;

/** Throws temporal-unreachable, usage (payload key). */
export async function connectAssay(options: AssayOptions = {}): Promise<AssayClient> {
  const { address = '127.0.0.1:7233', namespace = 'default', tls, codecKey = null, connectTimeoutMs = CONNECT_MS, workerPatienceMs = WORKER_MS } = options;
  const converter = payloadCodec(codecKey);
  try {
    const connection = await Connection.connect({ address, connectTimeout: connectTimeoutMs, ...(tls === undefined ? {} : { tls }) });
    const client = new Client({ connection, namespace, ...converter });
    const context = { client, address, workerPatienceMs };
    return { server: { address, namespace }, backup: backupClient(context), optimizer: optimizerClient(context), close: () => connection.close() };
  } catch (error) {
    throw asAssayError(error, { address, what: 'connecting' });
  }
}
