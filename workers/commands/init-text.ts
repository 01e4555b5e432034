/** The commented `assay.yaml` that `assay init` writes. Comments come from the definition of the keys. */
import prettyBytes from 'pretty-bytes';
import { policyKeyLines } from '../../domain/policy-docs.ts';
import type { ForeignJob, FoundServer, FoundStanza } from './init-find.ts';

export interface InitFindings {
  readonly cluster: string;
  readonly host: string;
  readonly connection: { readonly host: string; readonly port: number; readonly user: string; readonly database: string; readonly password: string | null };
  /** null: it did not answer. */
  readonly server: FoundServer | null;
  /** null: nothing to adopt; Assay makes a configuration of its own. */
  readonly stanza: FoundStanza | null;
  readonly otherStanzas: readonly FoundStanza[];
  readonly foreignJobs: readonly ForeignJob[];
  readonly notes: readonly string[];
  readonly signingKey: string;
  readonly control: string;
  readonly schema: string;
  /** Parent of clones, evidence and a repository of Assay's own making. */
  readonly state: string;
}

/** The file's text; sound as it is. */
export function initText(findings: InitFindings): string {
  const { cluster, host, state } = findings;
  return `${head(findings)}version: 1

temporal:
  address: 127.0.0.1:7233${comment('temporal.address')}
  namespace: default

control: ${quoted(findings.control)}${comment('control')}
signing_key: ${quoted(findings.signingKey)}${comment('signing_key')}

clusters:
  ${cluster}:
    environment: dev${comment('clusters.NAME.environment')}
    host: ${quoted(host)}${comment('clusters.NAME.host')}

${connection(findings)}
${engine(findings)}
${schedules(findings)}
    retention:
      fulls: 2${comment('clusters.NAME.retention.fulls')}
      days: 14${comment('clusters.NAME.retention.days')}

    objectives:
      rpo: 5m${comment('clusters.NAME.objectives.rpo')}
      rto: 1h${comment('clusters.NAME.objectives.rto')}
      proof_age: 8d${comment('clusters.NAME.objectives.proof_age')}

    proof:
      after_backup: content${comment('clusters.NAME.proof.after_backup')}
      deep: { cron: "0 4 * * 0", timezone: UTC, jitter: 30m }${comment('clusters.NAME.proof.deep')}
      random_per_week: 2${comment('clusters.NAME.proof.random_per_week')}
      # assertions:${comment('clusters.NAME.proof.assertions')}
      #   - { name: orders have customers, database: ${ofApplication(findings)}, sql: "select count(*) from orders where customer is null", expect: [[0]] }

    clone:
      directory: ${quoted(`${state}/clones`)}${comment('clusters.NAME.clone.directory')}
      max_clones: 1${comment('clusters.NAME.clone.max_clones')}

    # optimizer:
    #   database: ${ofApplication(findings)}${comment('clusters.NAME.optimizer.database')}
    #   schedule: { cron: "0 5 * * 6", timezone: UTC }${comment('clusters.NAME.optimizer.schedule')}
    #   apply: sql${comment('clusters.NAME.optimizer.apply')}

    evidence: ${quoted(`${state}/evidence`)}${comment('clusters.NAME.evidence')}
`;
}

/** A database to name in examples: one that was found, and that an application may have. */
const ofApplication = ({ server, connection: { database } }: InitFindings): string => quoted(server?.databases.find((name) => name !== 'postgres') ?? database);

const help = new Map(policyKeyLines().map(({ key, help: text }) => [key, text]));
const comment = (key: string) => `  # ${help.get(key) ?? ''}`;

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;

// a JSON string is a YAML string
const quoted = (text: string) =>
  /^[A-Za-z0-9/._:-]+$/.test(text) && !/^[0-9.:-]|:$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text) ? text : JSON.stringify(text);

const asComment = (lines: readonly string[], indent = '') => lines.map((line) => `${indent}# ${withoutSecrets(line).replaceAll(/[\r\n]+/g, ' ')}\n`).join('');

// other people's job lines hold their passwords
const withoutSecrets = (line: string) =>
  line.replaceAll(/((?:PASSWORD|PASS|SECRET|KEY|TOKEN)\s*[=:]\s*)\S+/gi, '$1***').replaceAll(/(:\/\/[^:@/\s]+):[^@\s]+@/g, '$1:***@');

function head({ schema, notes, server, foreignJobs }: InitFindings): string {
  const found =
    server === null
      ? []
      : [
          `Found: PostgreSQL ${server.version}, ${counted(server.databases.length, 'database')} (${server.databases.join(', ')}), ${prettyBytes(server.bytes, { maximumFractionDigits: 1 })}, ${counted(server.tablespaces, 'tablespace')}.`,
        ];
  const jobs =
    foreignJobs.length === 0
      ? []
      : [
          'Backup jobs that are not ours; they are left as they are, and share the lock of the engine:',
          ...foreignJobs.map(({ where, line }) => `  ${where}: ${line.slice(0, 160)}`),
        ];
  const next = 'Next: `assay doctor` says what is missing, `assay plan` what `assay apply` would change. All keys: docs/configuration.md.';
  return `# yaml-language-server: $schema=${schema}\n${asComment(['Written by `assay init`; yours to edit.', ...found, ...notes, ...jobs, next])}\n`;
}

function connection({ connection: { host, port, user, database, password } }: InitFindings): string {
  return `    connection:
      host: ${quoted(host)}${comment('clusters.NAME.connection.host')}
      port: ${port}
      user: ${quoted(user)}${comment('clusters.NAME.connection.user')}
      ${password === null ? '# password: file:assay.password' : `password: ${password}`}${comment('clusters.NAME.connection.password')}
      database: ${quoted(database)}${comment('clusters.NAME.connection.database')}
    # exclude_databases: []${comment('clusters.NAME.exclude_databases')}
`;
}

function engine({ stanza, otherStanzas, server, cluster, state }: InitFindings): string {
  const others = otherStanzas.map((other) => `also there: stanza ${other.stanza} in ${other.config}`);
  if (stanza !== null) {
    const archiving = server === null ? [] : [`archive_command stays as it is: ${server.archiveCommand}`];
    return `    pgbackrest:
${asComment([...archiving, ...others], '      ')}      stanza: ${quoted(stanza.stanza)}${comment('clusters.NAME.pgbackrest.stanza')}
      config: ${quoted(stanza.config)}${comment('clusters.NAME.pgbackrest.config')}
      process_max: 2${comment('clusters.NAME.pgbackrest.process_max')}
`;
  }
  const foreign = server !== null && !['', '(disabled)'].includes(server.archiveCommand);
  const archiving = foreign ? [`archive_command is another's and stays until you change it: ${server.archiveCommand}`] : [];
  const way = `After \`assay apply\`, archive to it: archive_command = 'pgbackrest --config=(this folder)/pgbackrest-${cluster}.conf --stanza=${cluster} archive-push %p'`;
  return `    pgbackrest:
${asComment([...others, 'No pgbackrest.conf of this cluster was found: `assay apply` makes one from these repositories.', ...archiving, way], '      ')}      stanza: ${cluster}
      repositories:
        - kind: posix
          path: ${quoted(`${state}/repository/${cluster}`)}${comment('clusters.NAME.pgbackrest.repositories[].path').replace('; Prefix inside the bucket', '')}
          # cipher_pass: file:/etc/assay/${cluster}.cipher${comment('clusters.NAME.pgbackrest.repositories[].cipher_pass')}
`;
}

function schedules({ foreignJobs }: InitFindings): string {
  const lines = [
    'schedules:',
    '  full: { cron: "0 1 * * 0", timezone: UTC, jitter: 10m }  # Sundays',
    '  incremental: { cron: "0 1 * * 1-6", timezone: UTC, jitter: 10m }',
  ];
  if (!foreignJobs.some(({ makesBackups }) => makesBackups)) return `${lines.map((line) => `    ${line}\n`).join('')}`;
  // two schedules would only compete for the engine's lock; proofs find foreign backups too
  return `    # Another job makes backups already (see above). Its backups are proven too; take these in when it is gone.\n${asComment(lines, '    ')}`;
}
