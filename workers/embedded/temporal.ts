/** A real Temporal server with its UI, on one file: what the demo, `assay dev` and the tests run against. */
import { readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { osUser } from '../../activities/os-user.ts';
import { AssayError } from '../../domain/errors.ts';
import { findProgram } from './binaries.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import { freshFolder } from './folder.ts';
import { freePorts } from './ports.ts';

export interface TemporalOptions {
  /** Folder of its database and log; default a fresh one. What ran there before goes on. */
  readonly directory?: string;
  /** Default: a free port. */
  readonly port?: number;
  /** Default: a free port. */
  readonly uiPort?: number;
  /** Default: `default` alone. */
  readonly namespaces?: readonly string[];
  /** Name → type (Keyword, Int, Datetime …), registered at the first start. */
  readonly searchAttributes?: Readonly<Record<string, string>>;
  /** Default false: with UI. */
  readonly headless?: boolean;
}

export interface EmbeddedTemporal {
  readonly directory: string;
  /** host:port of the front end. */
  readonly address: string;
  /** Null where headless. */
  readonly uiUrl: string | null;
  readonly pid: number;
  readonly logFile: string;
  /** On the same ports and database; nothing to do where it runs. */
  start(): Promise<void>;
  /** A clean stop. Idempotent. */
  stop(): Promise<void>;
  /** A stop as a fault would do it; `start` goes on from what was written. */
  kill(signal: 'SIGKILL'): Promise<void>;
  /** Stops and removes the folder. Idempotent. */
  destroy(): Promise<void>;
}

interface Place {
  readonly program: string;
  readonly directory: string;
  readonly logFile: string;
  readonly ports: readonly [port: number, ui: number, http: number, metrics: number];
  readonly options: TemporalOptions;
}

/** Starts it and waits until its default namespace answers. Throws usage where the CLI is not installed, child-failed. */
export async function startTemporal(options: TemporalOptions = {}): Promise<EmbeddedTemporal> {
  const program = findProgram('temporal');
  if (program === undefined) throw new AssayError('usage', { reason: 'the Temporal CLI is not installed', hint: 'run `npm run setup`' });
  // the server runs as whoever we are: no need to switch
  const directory = freshFolder(options.directory, { ...osUser(), switched: false });
  let placed: { readonly place: Place; readonly daemon: Daemon };
  try {
    placed = await firstLaunch({ program, directory, logFile: join(directory, 'temporal.log'), options });
  } catch (error) {
    if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  const { place } = placed;
  let { daemon } = placed;
  let running = true;
  const server: EmbeddedTemporal = {
    directory,
    address: address(place),
    uiUrl: options.headless ? null : `http://127.0.0.1:${place.ports[1]}`,
    logFile: place.logFile,
    get pid() {
      return daemon.pid;
    },
    start: async () => {
      if (running) return;
      daemon = await launch(place);
      running = true;
    },
    stop: async () => {
      await daemon.stop();
      running = false;
    },
    kill: async (signal) => {
      await daemon.kill(signal);
      running = false;
    },
    destroy: async () => {
      await server.stop();
      rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
  return server;
}

const MOST_LAUNCHES = 3;

/** A port that was free a moment ago may be taken by now, also by the server's own parts: then with others. */
async function firstLaunch(at: Omit<Place, 'ports'>): Promise<{ readonly place: Place; readonly daemon: Daemon }> {
  const { port, uiPort } = at.options;
  for (let launches = 1; ; launches += 1) {
    const free = await freePorts(4);
    const place: Place = { ...at, ports: [port ?? free[0], uiPort ?? free[1], free[2], free[3]] as [number, number, number, number] };
    try {
      return { place, daemon: await launch(place) };
    } catch (error) {
      const isTaken = /address already in use/.test(readFileSync(at.logFile, 'utf8'));
      if (!isTaken || port !== undefined || uiPort !== undefined || launches === MOST_LAUNCHES) throw error;
    }
  }
}

function launch(place: Place): Promise<Daemon> {
  const { options, ports } = place;
  const [port, ui, http, metrics] = ports.map(String) as [string, string, string, string];
  const repeated = (flag: string, values: readonly string[]) => values.flatMap((value) => [flag, value]);
  const argv: [string, ...string[]] = [
    place.program,
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', port, '--http-port', http, '--metrics-port', metrics],
    ...(options.headless ? ['--headless'] : ['--ui-port', ui, '--ui-disable-news-fetch']),
    ...['--db-filename', join(place.directory, 'temporal.db')],
    // with these a kill -9 loses nothing that was acknowledged
    ...repeated('--sqlite-pragma', ['journal_mode=wal', 'synchronous=2']),
    ...repeated('--namespace', options.namespaces ?? []),
    ...repeated(
      '--search-attribute',
      Object.entries(options.searchAttributes ?? {}).map((pair) => pair.join('=')),
    ),
    ...['--log-level', 'warn'],
  ];
  return startDaemon({ argv, logFile: place.logFile, ready: () => answers(place), readyWithinMs: 60_000 });
}

async function answers(place: Place): Promise<boolean> {
  const connection = await Connection.connect({ address: address(place), connectTimeout: 1_000 });
  try {
    for (const namespace of ['default', ...(place.options.namespaces ?? [])]) await connection.workflowService.describeNamespace({ namespace });
  } finally {
    await connection.close();
  }
  return place.options.headless ? true : await listens(place.ports[1]);
}

const listens = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

const address = (place: Place) => `127.0.0.1:${place.ports[0]}`;
