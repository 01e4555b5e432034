/** `assay init`: writes a commented `assay.yaml` for a cluster that is there; adopts what exists and never rewrites it. */
import { existsSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { DEFAULT_CONFIGS } from '../../activities/backup/engines/pgbackrest/config.ts';
import { AssayError } from '../../domain/errors.ts';
import type { Connection } from '../../domain/policy.ts';
import { clusterNamePattern, stanzaPattern } from '../../domain/policy-file.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { readSecret } from '../config.ts';
import { checkPolicy, faultLine } from '../read-policy.ts';
import { archiveTarget, type FoundServer, type FoundStanza, findForeignJobs, findServer, findStanzas } from './init-find.ts';
import { type KeyPairFiles, keyPairAt } from './init-key.ts';
import { initText } from './init-text.ts';

export interface InitOptions {
  /** Policy file to write; default ./assay.yaml. */
  readonly file?: string;
  /** Overwrites the policy file; never a key, never anything else. */
  readonly force?: boolean;
  /** pgbackrest.conf to adopt; default: where the engine looks. */
  readonly config?: string;
  /** Stanza to adopt where there are several; default: the running server's. */
  readonly stanza?: string;
  readonly cluster?: string;
  /** Writes nothing. */
  readonly dryRun?: boolean;
  /** ASSAY_HOST of the worker. */
  readonly host: string;
  readonly connection?: Partial<Pick<Connection, 'host' | 'port' | 'user' | 'database'>>;
  /** File of the key pair to make. */
  readonly signingKey?: string;
  /** Folder for clones and evidence; default /var/lib/assay, for an ordinary user ~/.local/state/assay. */
  readonly state?: string;
  /** Folder the machine's files are below; default /. */
  readonly root?: string;
}

export interface Initialised {
  readonly file: string;
  readonly cluster: string;
  readonly adopted: FoundStanza | null;
  readonly server: FoundServer | null;
  readonly foreignJobs: number;
  readonly notes: readonly string[];
  readonly keys: KeyPairFiles | null;
  /** The policy file's text. */
  readonly text: string;
  /** Files that were written; none in a dry run. */
  readonly written: readonly string[];
}

/**
 * Where a file is there already only a key is made, if one is asked for and not there too; else it throws refused-by-guard. Throws usage for a bad name.
 */
export async function initPolicy(options: InitOptions): Promise<Initialised> {
  const file = resolve(options.file ?? 'assay.yaml');
  if (existsSync(file) && !options.force && !options.dryRun) {
    if (options.signingKey !== undefined) return onlyKey(file, resolve(options.signingKey));
    throw isThere(file, 'it exists');
  }
  const notes: string[] = [];
  const stanzas = wantedStanzas(options, notes);
  const connection = connectionOf(options, stanzas, dirname(file));
  const answer = await findServer(connection, readSecret);
  const server = typeof answer === 'string' ? null : answer;
  if (typeof answer === 'string') notes.push(...unanswered(options, connection, answer));
  if (server?.inRecovery) notes.push('The server is a replica; name the primary in connection.host.');
  const adopted = choose(stanzas, server, notes);
  const foreignJobs = findForeignJobs(options.root);
  const cluster = nameOf(options, adopted);
  const findings = {
    cluster,
    host: options.host,
    connection,
    server,
    stanza: adopted,
    otherStanzas: stanzas.filter((one) => one !== adopted),
    foreignJobs,
    notes,
  };
  const keyFile = options.signingKey === undefined ? null : resolve(options.signingKey);
  const beside = (name: string) => (existsSync(join(dirname(file), name)) ? join(dirname(file), name) : null);
  const kept = { signingKey: keyFile ?? beside(SIGNING_KEY_FILE), control: beside(CONTROL_FILE) };
  const text = initText({
    ...findings,
    signingKey: kept.signingKey === null ? 'env:ASSAY_SIGNING_KEY' : `file:${kept.signingKey}`,
    control: kept.control === null ? 'env:ASSAY_CONTROL_URL' : `file:${kept.control}`,
    schema: schemaPath(),
    state: options.state ?? stateFolder(),
  });
  // a file that our own reader refuses must never be handed out
  const { faults } = checkPolicy(text, file);
  if (faults.length > 0) throw new AssayError('internal', { reason: faults.map((fault) => faultLine(file, fault)).join('; ') });
  const found = { file, cluster, adopted, server, foreignJobs: foreignJobs.length, notes, text };
  if (options.dryRun) {
    if (existsSync(file) && !options.force) notes.push(`${file} is there: without --dry-run it is left as it is, unless --force is given`);
    return { ...found, keys: null, written: [] };
  }
  const keys = keyFile === null ? null : keyPairAt(keyFile);
  if (keys?.written.length === 0) notes.push(`${keyFile} was there and stays as it is: certificates may need it`);
  writeFileSync(file, text, options.force ? {} : { flag: 'wx' });
  return { ...found, keys, written: [file, ...(keys?.written ?? [])] };
}

const isThere = (file: string, reason: string) =>
  new AssayError('refused-by-guard', {
    what: `writing ${file}`,
    reason,
    hint: 'go on with it (`assay doctor` says what is missing), name another with --file, or overwrite it with --force',
  });

function onlyKey(file: string, keyFile: string): Initialised {
  const keys = keyPairAt(keyFile);
  if (keys.written.length === 0) throw isThere(file, `it exists, and so does the key ${keyFile}: nothing was written`);
  const notes = [`${file} was there and stays as it is: write in it \`signing_key: file:${keyFile}\``];
  const nothing = { cluster: '', adopted: null, server: null, foreignJobs: 0, text: '' };
  return { ...nothing, file, notes, keys, written: keys.written };
}

/** Beside the policy file, mode 0600: taken for the role's password where PGPASSWORD is not set. */
const PASSWORD_FILE = 'assay.password';
/** As `--signing-key` makes it: a second `init` goes on with the first one's key. */
const SIGNING_KEY_FILE = 'signing.key';
/** Holds the control database's URL, as docs/production.md says. */
const CONTROL_FILE = 'control-url';

/** Where servers put their sockets unless told otherwise: Debian's, and PostgreSQL's own. */
const socketFolders = ['/var/run/postgresql', '/tmp'];

/** A Debian cluster lets nobody in through its socket but the OS user of the same name, and asks for a password over TCP. */
function unanswered(options: InitOptions, { host, port, user, database }: Connection, reason: string): readonly string[] {
  const said = `The server at ${host}:${port} did not answer as ${user}: ${reason}`;
  if (/does not exist/.test(reason))
    return [said, 'Name another: assay init --force --connection postgresql://ROLE@HOST:PORT/DATABASE (a socket: postgresql://ROLE@/DATABASE?host=FOLDER)'];
  const elsewhere = host.startsWith('/') ? socketFolders.find((folder) => existsSync(join(options.root ?? '/', folder, `.s.PGSQL.${port}`))) : undefined;
  if (/ENOENT/.test(reason) && elsewhere !== undefined)
    return [
      said,
      `A socket of port ${port} lies in ${elsewhere}: assay init --force --connection 'postgresql://${user}@/${encodeURIComponent(database)}?host=${elsewhere}&port=${port}'`,
    ];
  if (!/\((28000|28P01)\)$|asks for a password/.test(reason)) return [said];
  const local = host.startsWith('/') || ['localhost', '127.0.0.1', '::1'].includes(host);
  const asked = [
    ...(options.cluster === undefined ? [] : [`--name ${options.cluster}`]),
    ...(options.config === undefined ? [] : [`--engine-config ${shellWord(options.config)}`]),
    ...(options.stanza === undefined ? [] : [`--stanza ${shellWord(options.stanza)}`]),
    `--connection ${shellWord(`postgresql://assay@${local ? '127.0.0.1' : host}:${port}/${encodeURIComponent(database)}`)}`,
  ];
  return [
    said,
    // neither way leaves a password in a history, a process list or the server's log
    `Give Assay a role of its own with a password${local ? '' : `, on ${host}`} (createuser asks for it): sudo -u postgres createuser -p ${port} --login --pwprompt assay`,
    `Write that password into ${PASSWORD_FILE} beside the policy, readable by its owner only (chmod 600)`,
    `Then look again: assay init --force ${asked.join(' ')}`,
  ];
}

function wantedStanzas({ config, stanza, root = '/' }: InitOptions, notes: string[]): readonly FoundStanza[] {
  // the engine, too, reads the first of its places only
  const usual = DEFAULT_CONFIGS.map((path) => join(root, path)).find((path) => existsSync(path));
  const all = findStanzas(config === undefined ? (usual === undefined ? [] : [usual]) : [resolve(config)], notes, root);
  const [fit, odd] = [true, false].map((fits) => all.filter((each) => stanzaPattern.test(each.stanza) === fits)) as [FoundStanza[], FoundStanza[]];
  for (const each of odd)
    notes.push(`Stanza ${JSON.stringify(each.stanza)} of ${each.config} is not adopted: a name may hold letters, digits, dots, dashes, underscores`);
  const wanted = fit.filter((each) => stanza === undefined || each.stanza === stanza);
  if (wanted.length > 0 || (config ?? stanza) === undefined) return wanted;
  const reason = `${config ?? 'no pgbackrest.conf'} names no stanza ${stanza ?? ''} with a data directory`;
  throw new AssayError('usage', { reason, hint: 'name a pgbackrest.conf with a [stanza] and pg1-path' });
}

function connectionOf({ connection = {} }: InitOptions, stanzas: readonly FoundStanza[], folder: string): Connection {
  const only = stanzas.length === 1 ? stanzas[0] : undefined;
  const passwordFile = join(folder, PASSWORD_FILE);
  const kept = existsSync(passwordFile) ? (`file:${passwordFile}` as const) : null;
  return {
    host: connection.host ?? only?.socketDirectory ?? '/var/run/postgresql',
    port: connection.port ?? only?.port ?? 5432,
    user: connection.user ?? only?.user ?? 'postgres',
    database: connection.database ?? 'postgres',
    password: process.env.PGPASSWORD === undefined ? kept : 'env:PGPASSWORD',
    sslMode: 'disable',
    sslRootCertificate: null,
  };
}

/** The stanza of the running server: by its data directory, else by its archive_command; the only one where the server is silent. */
function choose(stanzas: readonly FoundStanza[], server: FoundServer | null, notes: string[]): FoundStanza | null {
  if (server === null) return stanzas[0] ?? null;
  const target = archiveTarget(server.archiveCommand);
  const chosen = stanzas.find(({ dataDirectory }) => dataDirectory === server.dataDirectory) ?? stanzas.find(({ stanza }) => stanza === target.stanza) ?? null;
  if (chosen !== null) return chosen;
  // the server archives by a configuration that we were not told of
  if (target.stanza !== null && stanzaPattern.test(target.stanza) && target.config !== null && existsSync(target.config)) {
    return { stanza: target.stanza, config: target.config, dataDirectory: server.dataDirectory, port: null, socketDirectory: null, user: null };
  }
  if (stanzas.length > 0) notes.push(`None of the stanzas found (${stanzas.map(({ stanza }) => stanza).join(', ')}) is this server's.`);
  return null;
}

function nameOf({ cluster }: InitOptions, adopted: FoundStanza | null): string {
  if (cluster !== undefined && !clusterNamePattern.test(cluster)) {
    throw new AssayError('usage', { reason: `${cluster} is no name for a cluster`, hint: 'use small letters, digits, _ and -, at most 63' });
  }
  const stanza = adopted?.stanza.toLowerCase() ?? 'main';
  return cluster ?? (clusterNamePattern.test(stanza) ? stanza : 'main');
}

const stateFolder = () => (process.getuid?.() === 0 ? '/var/lib/assay' : join(process.env.XDG_STATE_HOME || join(homedir(), '.local/state'), 'assay'));

const schemaPath = () => resolve(dirname(new URL(import.meta.url).pathname), '../../docs/assay.schema.json');
