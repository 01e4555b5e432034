/** What a failed pgBackRest run means: its numbered errors (build/error.yaml) become errors of our catalogue. */

import type { Cause } from '../../../../domain/backup/model.ts';
import { AssayError, type ErrorCode, type ErrorValues } from '../../../../domain/errors.ts';

export interface FailedRun {
  /** Word of the command: `backup`, `restore`, … */
  readonly command: string;
  readonly status: number | 'deadline';
  /** Whatever it printed; scrubbed here. */
  readonly output: string;
  readonly cluster: string;
  readonly stanza: string;
  readonly repository: number;
  readonly isEncrypted: boolean;
  readonly secrets: readonly string[];
  /** Folder the run writes to: a restore's target. */
  readonly writesTo?: string;
  readonly neededBytes?: number;
}

interface EngineMessage {
  readonly number: number;
  readonly text: string;
}

const MAX_TEXT = 1_500;
const NUMBERED = /(?:ERROR|ASSERT):? \[(\d{3})\]: ([\s\S]*?)(?=\n\d{4}-\d\d-\d\d \d\d:\d\d|\n(?:ERROR|WARN|INFO|ASSERT):|$)/g;

/** Codes: repository-unreachable, wrong-cipher-key, disk-full, engine-busy, backup-unknown, archiving-broken, system-identifier-differs, cluster-unreachable, directory-not-empty, engine-refused, engine-failed. */
export function failureOf(run: FailedRun): AssayError {
  const message = lastMessage(run);
  const known = recognise(run, message);
  if (known !== undefined) return known;
  const cause = damage(run, message);
  const values = {
    command: `pgbackrest ${run.command}`,
    status: run.status,
    lines: clean(message.text, run.secrets),
    hint: hintFor(message),
    ...(cause === undefined ? {} : { cause }),
  };
  // damage and wrong options stay what they are however often one tries
  return new AssayError(cause !== undefined || FINAL.has(message.number) ? 'engine-refused' : 'engine-failed', values);
}

/** Text for people: no secrets, no bytes of a file that was read with the wrong key, no dump of an HTTP request. */
export function clean(text: string, secrets: readonly string[]): string {
  let cleaned = text.replace(/\n\s*\*\*\* (?:Path\/Query|Request Headers)[\s\S]*/, '');
  for (const secret of secrets) cleaned = cleaned.replaceAll(secret, '***');
  cleaned = cleaned.replace(/(key\/value found outside of section at line \d+): .*/g, '$1').replace(/[^\n\t\x20-\x7e\u00a0-\uFFFC]/g, '?');
  return cleaned.length > MAX_TEXT ? `${cleaned.slice(0, MAX_TEXT)}…` : cleaned;
}

/** The engine quotes bytes it could not read raw into its JSON, which no parser takes; its output has no other control characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
export const parseEngineJson = (output: string): unknown => JSON.parse(output.replace(/[\x00-\x1f]/g, (found) => (found === '\n' ? ' ' : '?')));

/** `[HostConnectError] unable to …`, as `info` reports it inside its JSON, in the form that every other command prints. */
export function numbered(text: string): { readonly status: number; readonly output: string } {
  const match = /^\[(\w+)\] ([\s\S]*)$/.exec(text);
  const status = NUMBERS[match?.[1] ?? ''] ?? 99;
  return { status, output: `ERROR: [${String(status).padStart(3, '0')}]: ${match?.[2] ?? text}` };
}

const NUMBERS: Readonly<Record<string, number>> = {
  ChecksumError: 26,
  FileInvalidError: 28,
  FormatError: 29,
  ProtocolError: 39,
  FileOpenError: 41,
  FileReadError: 42,
  HostConnectError: 49,
  PathOpenError: 53,
  FileMissingError: 55,
  HostInvalidError: 72,
  PathMissingError: 73,
  CryptoError: 95,
  ServiceError: 101,
  AccessError: 105,
};

function lastMessage(run: FailedRun): EngineMessage {
  const all = [...run.output.matchAll(NUMBERED)];
  // expire and verify sum up with a [104] of their own after the error that matters
  const last = all.findLast((match) => match[1] !== '104') ?? all.at(-1);
  if (last) return { number: Number(last[1]), text: (last[2] as string).trim() };
  return { number: typeof run.status === 'number' ? run.status : 0, text: run.output.trim().split('\n').slice(-6).join('\n') };
}

const FINAL: ReadonlySet<number> = new Set([27, 30, 31, 32, 37, 46, 48, 50, 62, 67, 68, 69, 70, 72, 75, 76, 78, 88, 89, 96, 103]);
const UNREACHABLE: ReadonlySet<number> = new Set([49, 72, 101, 105]);
const UNREACHABLE_TEXT =
  /HTTP request failed|unable to (?:connect|find a|get address)|unable to negotiate TLS|TLS error|unexpected (?:EOF|eof)|timeout after \d+ms waiting for (?:read|write)/;

function recognise(run: FailedRun, message: EngineMessage): AssayError | undefined {
  const of = (code: ErrorCode, values: ErrorValues = {}) =>
    new AssayError(code, { cluster: run.cluster, stanza: run.stanza, repository: run.repository, reason: clean(message.text, run.secrets), ...values });
  const room = /unable to (?:write|open|create|sync)[^'\n]*'([^'\n]+)'[^\n]*No space left on device|No space left on device|Disk quota exceeded/.exec(
    message.text,
  );
  if (room) return of('disk-full', { directory: room[1] ?? run.writesTo ?? 'unknown', neededBytes: run.neededBytes ?? 'more' });
  if (run.status === 'deadline' && READING.has(run.command)) return of('repository-unreachable', { reason: `no answer to ${run.command} in time` });
  if (isUnreachable(message)) return of('repository-unreachable');
  if (isWrongKey(run, message)) return of('wrong-cipher-key');
  switch (message.number) {
    case 40:
      return of('directory-not-empty', { directory: run.writesTo ?? 'unknown' });
    case 44:
    case 51:
    case 58:
      return of('system-identifier-differs', identifiers(message.text));
    case 50:
      // the same number tells of a lock file that another user owns: waiting would not help
      return /Permission denied/.test(message.text) ? undefined : of('engine-busy');
    case 56:
      return of('cluster-unreachable');
    case 75: {
      const label = /backup set (\S+) is not valid/.exec(message.text)?.[1];
      return label === undefined ? undefined : of('backup-unknown', { label });
    }
    case 82:
    case 87:
      return of('archiving-broken');
    default:
      return undefined;
  }
}

const READING: ReadonlySet<string> = new Set(['info', 'repo-ls', 'repo-get', 'stanza-create']);

/** Protocol and file errors too tell of the network, where they name it. */
const isUnreachable = (message: EngineMessage) =>
  (UNREACHABLE.has(message.number) && !/must be run on/.test(message.text)) ||
  ([39, 42, 64].includes(message.number) && UNREACHABLE_TEXT.test(message.text) && !endsEarly(message));

/** A file that its reader was to find longer: ioReadVarIntU64 in common/io/read.c, raised in a helper that had the file open. The network's words are `unexpected EOF while reading HTTP content`. */
const endsEarly = ({ number, text }: EngineMessage) => number === 42 && /raised from local-\d+ protocol: unexpected eof/.test(text);

/** The key is wrong where the repository's own catalogue cannot be read; a single file that cannot be decrypted is damaged. */
function isWrongKey(run: FailedRun, { number, text }: EngineMessage): boolean {
  if (!/(?:backup|archive)\.info/.test(text) && !/cipher header invalid/.test(text)) return false;
  return /CryptoError|cipher header/.test(text) || number === 95 || (run.isEncrypted && number === 29 && /unable to load info file/.test(text));
}

function identifiers(text: string): ErrorValues {
  const ids = [...text.matchAll(/system-id (\d+)/g)].map((match) => match[1] as string);
  return { found: ids[0] ?? 'another', expected: ids[1] ?? 'another one' };
}

/** Only a command that reads what it once wrote can find damage. */
function damage(run: FailedRun, { number, text }: EngineMessage): Cause | undefined {
  if (!['restore', 'info', 'repo-get'].includes(run.command)) return undefined;
  const isDamage = [26, 28, 29, 55, 95, 99].includes(number) || endsEarly({ number, text });
  if (isDamage && /backup\.manifest/.test(text)) return 'manifest-damaged';
  if (number === 55) return 'backup-missing';
  return isDamage ? 'backup-file-corrupt' : undefined;
}

function hintFor({ number, text }: EngineMessage): string {
  switch (number) {
    case 26:
    case 28:
    case 29:
    case 55:
    case 95:
      return 'what the repository holds is damaged: restore from another backup or repository, then make a full backup';
    case 50:
      return 'the lock file belongs to another user: run the engine as the user that owns it, or remove the file';
    case 31:
    case 32:
    case 37:
      return 'this version of pgBackRest refuses an option: compare its configuration with its manual';
    case 46:
      return 'install a pgBackRest that knows this PostgreSQL';
    case 62:
      return 'pgBackRest was stopped by hand: run `pgbackrest start`';
    case 103:
      return /has no stanza/.test(text)
        ? 'correct pgbackrest.stanza in the policy, or make the stanza (`assay apply` does it where the policy has repositories)'
        : 'name a repository that the configuration has';
    default:
      return 'the engine says why above; `assay doctor` checks its configuration';
  }
}
