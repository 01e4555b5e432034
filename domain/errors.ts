/**
 * Every error Assay raises: code → what a user reads, the way out, whether a retry can help, the exit status.
 * Codes are public: added, never renamed.
 */

/** Exit status of the command: 1 a fault was found, 2 usage, 3 not proven, 4 unreachable, 5 refused by a guard. */
export type ExitStatus = 1 | 2 | 3 | 4 | 5;

interface CatalogueEntry {
  /** Lower case, says what was tried; `{name}` is filled from the values. */
  readonly message: string;
  /** One sentence with the way out; `{name}` is filled likewise. */
  readonly hint: string;
  readonly retryable: boolean;
  readonly exit: ExitStatus;
}

export const catalogue = {
  'policy-invalid': {
    message: 'the policy in {file} has {count} fault(s):\n{faults}',
    hint: 'mend them all, then run `assay plan`',
    retryable: false,
    exit: 2,
  },
  'policy-unreadable': {
    message: 'cannot read the policy {file}: {reason}',
    hint: 'write one with `assay init`, or name it with --file',
    retryable: false,
    exit: 2,
  },
  'cluster-unknown': { message: 'no cluster {cluster} in {where}', hint: 'known clusters: {known}', retryable: false, exit: 2 },
  'policy-not-applied': { message: 'no policy was applied for cluster {cluster}', hint: 'run `assay apply` once', retryable: false, exit: 2 },
  usage: { message: '{reason}', hint: '{hint}', retryable: false, exit: 2 },
  'secret-unreadable': {
    message: 'cannot read the secret {reference}: {reason}',
    hint: 'set the variable, or make the file readable by its owner only (chmod 600)',
    retryable: false,
    exit: 2,
  },
  'temporal-unreachable': {
    message: 'no Temporal server at {address}: {reason}',
    hint: 'start it, or name another with ASSAY_TEMPORAL_ADDRESS',
    retryable: true,
    exit: 4,
  },
  'control-unreachable': {
    message: 'the control database does not answer: {reason}',
    hint: 'check that its server runs, and `control` in assay.yaml (ASSAY_CONTROL_URL, where set, counts instead)',
    retryable: true,
    exit: 4,
  },
  'schema-newer': { message: 'the control database has schema {found}, this worker knows {known}', hint: 'upgrade this worker', retryable: false, exit: 5 },
  'cluster-unreachable': {
    message: 'cluster {cluster} does not answer: {reason}',
    hint: 'check its connection in assay.yaml, then `assay doctor {cluster}`',
    retryable: true,
    exit: 4,
  },
  'no-worker': {
    message: 'no worker polls the task queue {queue}',
    hint: 'start `assay worker` on its host (ASSAY_HOST: {host})',
    retryable: true,
    exit: 4,
  },
  'engine-failed': { message: '{command} ended with status {status}: {lines}', hint: '{hint}', retryable: true, exit: 1 },
  'engine-refused': { message: '{command} ended with status {status}: {lines}', hint: '{hint}', retryable: false, exit: 1 },
  'engine-busy': {
    message: 'another process holds the backup lock of stanza {stanza}',
    hint: 'wait for it, or see who with `ps`; Assay never breaks a lock',
    retryable: true,
    exit: 5,
  },
  'repository-unreachable': {
    message: 'repository {repository} of stanza {stanza} does not answer: {reason}',
    hint: 'check that it runs, and its endpoint, port and credentials in assay.yaml or pgbackrest.conf',
    retryable: false,
    exit: 4,
  },
  'wrong-cipher-key': {
    message: 'repository {repository} of stanza {stanza} cannot be decrypted',
    hint: 'give the cipher key it was made with',
    retryable: false,
    exit: 3,
  },
  'disk-full': {
    message: 'no room left in {directory}: {reason}',
    hint: 'free {neededBytes} bytes there; for a clone, another directory may be named (clone.directory)',
    retryable: false,
    exit: 3,
  },
  'system-identifier-differs': {
    message: 'cluster {cluster} has system identifier {found}, its repository was made by {expected}',
    hint: 'was it replaced or restored? make a new stanza, or run `stanza-upgrade`',
    retryable: false,
    exit: 5,
  },
  'archiving-broken': {
    message: 'WAL of {cluster} does not reach the repository: {reason}',
    hint: 'mend archive_command first: a backup without its WAL cannot be restored',
    retryable: false,
    exit: 1,
  },
  'preflight-refused': { message: 'no backup of {cluster} was started: {reason}', hint: '{hint}', retryable: false, exit: 5 },
  'backup-unknown': {
    message: 'no backup {label} in the repository of {cluster}',
    hint: 'list them with `assay backup list {cluster}`; make one with `assay backup run {cluster} --type full`',
    retryable: false,
    exit: 2,
  },
  'backup-expiring': {
    message: 'backup {label} of {cluster} is being expired',
    hint: 'ask again: what the policy keeps will be chosen from what is left',
    retryable: true,
    exit: 5,
  },
  'target-unreachable': { message: '{target} of {cluster} cannot be reached: {reason}', hint: 'nearest reachable: {nearest}', retryable: false, exit: 5 },
  'directory-not-empty': {
    message: 'the folder {directory} is not empty',
    hint: 'name an empty or new one: a restore never writes over anything',
    retryable: false,
    exit: 5,
  },
  'clone-start-failed': { message: 'the clone {clone} did not start: {lines}', hint: '{hint}', retryable: false, exit: 3 },
  'clone-limit': {
    message: '{open} clone(s) are open in {directory}, the limit is {limit}: {holders}',
    hint: 'wait for that one to finish, or raise clone.max_clones',
    retryable: true,
    exit: 5,
  },
  'clone-foreign': { message: 'the clone {clone} belongs to host {host}', hint: 'its own worker steers and wipes it', retryable: false, exit: 5 },
  'target-not-reached': {
    message: 'the clone {clone} stopped before {target}: {lines}',
    hint: 'WAL before the target is missing or damaged; `assay backup status` names gaps',
    retryable: false,
    exit: 1,
  },
  'marker-busy': {
    message: 'no consistent snapshot of {database} within {timeoutMs} ms: a transaction kept running',
    hint: 'try at a calmer moment, or raise proof.fingerprint.wait',
    retryable: true,
    exit: 3,
  },
  'statements-missing': {
    message: 'database {database} has no pg_stat_statements: {reason}',
    hint: '{way}; until then name a workload with --workload',
    retryable: false,
    exit: 5,
  },
  'privilege-missing': { message: 'role {role} may not {what}', hint: '{grant}', retryable: false, exit: 5 },
  'binaries-missing': {
    message: 'no PostgreSQL {major} binaries on this host ({looked})',
    hint: 'install postgresql-{major}, or set clone.binaries',
    retryable: false,
    exit: 3,
  },
  'certificate-invalid': {
    message: 'the certificate {file} does not verify: {reason}',
    hint: 'do not rely on it; ask for the original and the public key',
    retryable: false,
    exit: 1,
  },
  'signing-key-missing': {
    message: 'no signing key: {reason}',
    hint: 'make the one that is there readable by its owner only (chmod 600), or make one with `assay init --signing-key`',
    retryable: false,
    exit: 2,
  },
  'lab-unproven': {
    message: 'no lab of {cluster} was made: {reason}',
    hint: 'prove a backup first: `assay backup run {cluster}`, or `assay backup prove {cluster}`',
    retryable: false,
    exit: 5,
  },
  'what-if-missing': {
    message: "the PostgreSQL of this host's clones has no hypopg",
    hint: "install it there (Debian: postgresql-15-hypopg, of the cluster's major); the source needs nothing",
    retryable: false,
    exit: 3,
  },
  'refused-by-guard': { message: '{what} was refused: {reason}', hint: '{hint}', retryable: false, exit: 5 },
  'change-blocked': {
    message: '{what} on {cluster} is blocked: {reason}',
    hint: 'end what holds the lock, or wait for a calmer moment: it is tried again, and nothing half made stays behind',
    retryable: true,
    exit: 5,
  },
  'child-failed': { message: '{command} ended with status {status}: {lines}', hint: 'the full log is {log}', retryable: true, exit: 1 },
  cancelled: { message: '{what} was cancelled', hint: 'start it again when you are ready', retryable: false, exit: 3 },
  internal: { message: 'unexpected: {reason}', hint: 'please report it with the worker log', retryable: true, exit: 1 },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof catalogue;
export type ErrorValues = Readonly<Record<string, string | number>>;

const fill = (template: string, values: ErrorValues) => template.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));

/** The only error class of Assay. Values must never hold secrets or rows. */
export class AssayError extends Error {
  override readonly name = 'AssayError';
  readonly code: ErrorCode;
  readonly values: ErrorValues;
  readonly retryable: boolean;

  /** `retryable`: where a step knows better than the catalogue whether trying again may help. */
  constructor(code: ErrorCode, values: ErrorValues = {}, options: { readonly cause?: unknown; readonly retryable?: boolean } = {}) {
    super(fill(catalogue[code].message, values), 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.values = values;
    this.retryable = options.retryable ?? catalogue[code].retryable;
  }

  get hint(): string {
    return fill(catalogue[this.code].hint, this.values);
  }

  get exit(): ExitStatus {
    return catalogue[this.code].exit;
  }
}

export function isAssayError(error: unknown, code?: ErrorCode): error is AssayError {
  return error instanceof AssayError && (code === undefined || error.code === code);
}

/** The sentence to show for anything thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
