/** What `assay init` finds on a host: pgbackrest.conf files, the running cluster, backup jobs that are not ours. Reads only. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { engineConfigText } from '../../activities/backup/engines/pgbackrest/config.ts';
import type { ReadSecret } from '../../activities/backup/ports.ts';
import { withConnection } from '../../activities/pg.ts';
import { scrubbedReason } from '../../activities/pg-errors.ts';
import type { Connection } from '../../domain/policy.ts';

export interface FoundStanza {
  readonly stanza: string;
  readonly config: string;
  readonly dataDirectory: string | null;
  readonly port: number | null;
  readonly socketDirectory: string | null;
  /** Role the engine connects as. */
  readonly user: string | null;
}

export interface FoundServer {
  readonly version: string;
  readonly dataDirectory: string | null;
  readonly archiveMode: string;
  readonly archiveCommand: string;
  readonly inRecovery: boolean;
  readonly bytes: number;
  readonly databases: readonly string[];
  readonly tablespaces: number;
}

/** A backup job that Assay did not make. `makesBackups`: it runs the same engine, so that two would compete for its lock. */
export interface ForeignJob {
  readonly where: string;
  readonly line: string;
  readonly makesBackups: boolean;
}

/** Stanzas of every configuration that exists; a file that cannot be read becomes a note. `root`: folder the machine's files are below. */
export function findStanzas(configs: readonly string[], notes: string[], root = '/'): readonly FoundStanza[] {
  return configs
    .filter((config) => existsSync(config))
    .flatMap((config) => {
      try {
        return stanzasOf(engineConfigText(config, root), config);
      } catch {
        notes.push(`${config} cannot be read by this user; run \`assay init\` as its owner to adopt it`);
        return [];
      }
    });
}

/** Sections that name a data directory; what is said of one in several places counts as one, as it does for the engine. */
export function stanzasOf(text: string, config: string): readonly FoundStanza[] {
  const sections = new Map<string, string>();
  for (const each of text.split(/^\s*\[/m).slice(1)) {
    const name = each.slice(0, each.indexOf(']')).trim();
    sections.set(name, `${sections.get(name) ?? ''}\n${each.slice(each.indexOf(']') + 1)}`);
  }
  return [...sections].flatMap(([name, section]) => {
    const option = (key: string) => new RegExp(`^\\s*(?:pg1-|pg-|db-)${key}\\s*=\\s*(.+?)\\s*$`, 'm').exec(section)?.[1] ?? null;
    const dataDirectory = option('path');
    if (name.startsWith('global') || name.includes(':') || dataDirectory === null) return [];
    const port = option('port');
    return [{ stanza: name, config, dataDirectory, port: port === null ? null : Number(port), socketDirectory: option('socket-path'), user: option('user') }];
  });
}

/** The server behind a connection; the reason where it does not answer. */
export async function findServer(connection: Connection, readSecret: ReadSecret): Promise<FoundServer | string> {
  try {
    return await withConnection(connection, readSecret, { agent: 'doctor', statementTimeoutMs: 20_000 }, async (client) => {
      const { rows } = await client.query<FoundServer>(`/* assay doctor */ select current_setting('server_version') as version,
        (select setting from pg_settings where name = 'data_directory') as "dataDirectory", current_setting('archive_mode') as "archiveMode",
        coalesce((select setting from pg_settings where name = 'archive_command'), '') as "archiveCommand", pg_is_in_recovery() as "inRecovery",
        (select sum(case when has_database_privilege(oid, 'connect') then pg_database_size(oid) else 0 end)::float8 from pg_database) as bytes,
        (select json_agg(datname order by datname) from pg_database where datallowconn and not datistemplate) as databases,
        (select count(*)::int from pg_tablespace where spcname not in ('pg_default', 'pg_global')) as tablespaces`);
      return rows[0] as FoundServer; // a select without from gives one row
    });
  } catch (error) {
    return scrubbedReason(error);
  }
}

/** Stanza and configuration that an archive_command names. */
export function archiveTarget(command: string): { readonly stanza: string | null; readonly config: string | null } {
  const option = (name: string) => new RegExp(`--${name}[= ]['"]?([^\\s'"]+)`).exec(command)?.[1] ?? null;
  return command.includes('archive-push') ? { stanza: option('stanza'), config: option('config') } : { stanza: null, config: null };
}

const mentions = /\b(pgbackrest|pg_dump(all)?|pg_basebackup|wal-g|barman|pg_probackup|autopostgresqlbackup)\b/;
const cronFolders = ['etc/cron.d', 'etc/cron.hourly', 'etc/cron.daily', 'etc/cron.weekly', 'etc/cron.monthly', 'var/spool/cron', 'var/spool/cron/crontabs'];
const unitFolders = ['etc/systemd/system', 'usr/lib/systemd/system', 'lib/systemd/system'];

/** Cron lines and systemd timers that mention a backup program. `root`: folder the machine's files are below. */
export function findForeignJobs(root = '/'): readonly ForeignJob[] {
  const cron = ['etc/crontab', ...cronFolders.flatMap((folder) => files(root, folder))].flatMap((file) => mentioning(join(root, file)));
  const units = unitFolders.flatMap((folder) => files(root, folder).filter((file) => file.endsWith('.timer')));
  const timed = units.flatMap((timer) => mentioning(join(root, timer.replace(/\.timer$/, '.service')), `${join(root, timer)} → `));
  const all = [...cron, ...timed];
  // /lib is a link to /usr/lib on most machines
  return all.filter((job, index) => all.findIndex(({ where, line }) => line === job.line && where.split('/').at(-1) === job.where.split('/').at(-1)) === index);
}

function files(root: string, folder: string): readonly string[] {
  try {
    return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [join(folder, entry.name)] : []));
  } catch {
    // absent, or not ours to read: what cannot be read cannot be named
    return [];
  }
}

function mentioning(file: string, prefix = ''): readonly ForeignJob[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  const lines = text.split('\n').map((line) => line.trim());
  const jobs = lines.filter((line) => !/^(#|Description=|Documentation=)/.test(line) && mentions.test(line));
  return jobs.map((line) => ({ where: `${prefix}${file}`, line, makesBackups: /\bpgbackrest\b.*\bbackup\b/.test(line) }));
}
