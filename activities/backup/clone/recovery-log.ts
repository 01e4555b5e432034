/** Reading a clone's server log: how far recovery is, when it got there, and why it ended. Pure. Source: xlogrecovery.c, postmaster.c. */
import type { Cause } from '../../../domain/backup/model.ts';
import { AssayError } from '../../../domain/errors.ts';
import { refusedTablespace } from './tablespace-guard.ts';

export interface RecoveryProgress {
  readonly readyAtMs: number | null;
  /** Recovery reached the target and waits there. A pause for any other reason does not count. */
  readonly pausedAtMs: number | null;
  /** It opened for writing by itself: a standby waits at its target only where sessions can look at it (recoveryPausesHere in xlogrecovery.c). */
  readonly openedAtMs: number | null;
  readonly lastSegment: string | null;
  /** The source had higher settings at some point of the WAL than when the backup began. */
  readonly needsHigherSettings: boolean;
}

const STAMP = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{3}) UTC /;
const RESTORED = /restored log file "([0-9A-F]{24})" from archive/;

export function recoveryProgress(log: string): RecoveryProgress {
  const lines = log.split('\n');
  const last = lines.findLast((line) => RESTORED.test(line));
  return {
    readyAtMs: momentOf(lines.find((line) => line.includes('ready to accept'))),
    pausedAtMs: momentOf(lines.find((line) => line.includes('pausing at the end of recovery'))),
    openedAtMs: momentOf(lines.find((line) => line.includes('database system is ready to accept connections'))),
    lastSegment: last === undefined ? null : (RESTORED.exec(last)?.[1] ?? null),
    needsHigherSettings: log.includes('insufficient parameter settings'),
  };
}

/** Timeline that recovery read last; null where no segment came from the archive. */
export function timelineOf(progress: RecoveryProgress): number | null {
  return progress.lastSegment === null ? null : Number.parseInt(progress.lastSegment.slice(0, 8), 16);
}

export interface Ended {
  readonly clone: string;
  readonly target: string;
  readonly directory: string;
  readonly stanza: string;
  /** Room left where the clone lies. */
  readonly freeBytes: number;
}

/** Less than two segments: whatever was said last, it was said for lack of room. pgBackRest reports a full disk with other words. */
const LEAST_ROOM_BYTES = 32 * 1024 * 1024;

/** Why a server ended before its target, as a catalogue error. Its `cause` value names the cause where the code alone does not. */
export function whyEnded(log: string, ended: Ended): AssayError {
  const refused = refusedTablespace(log, ended.clone);
  if (refused !== null) return refused;
  const text = quotable(log);
  const lines = lastTelling(text);
  const startFailed = (cause: Cause, hint: string) => new AssayError('clone-start-failed', { clone: ended.clone, lines, hint, cause });
  if (ended.freeBytes < LEAST_ROOM_BYTES || /No space left on device|Disk quota exceeded/.test(text)) {
    return new AssayError('disk-full', { directory: ended.directory, reason: lines, neededBytes: 'more' });
  }
  const engine = engineError(text);
  if (engine === 'other') return startFailed('clone-start-failed', 'see what the engine said, and try again');
  if (engine === 'unreachable') return new AssayError('repository-unreachable', { repository: 'of the clone', stanza: ended.stanza, reason: lines });
  if (
    /before configured recovery target was reached|before consistent recovery point|could not locate (a valid|required) checkpoint|invalid checkpoint record|WAL ends before/.test(
      text,
    )
  ) {
    return new AssayError('target-not-reached', {
      clone: ended.clone,
      target: ended.target,
      lines,
      ...(engine === 'corrupt' ? { cause: 'wal-corrupt' } : {}),
    });
  }
  if (/could not load library|could not access file "\$libdir/.test(text))
    return startFailed('missing-extension', 'install the extension packages of the source on this host');
  if (/initialized by PostgreSQL version|database files are incompatible/.test(text))
    return startFailed('missing-binaries', 'install the same PostgreSQL build as the source, or set clone.binaries');
  if (/locale/.test(text)) return startFailed('collation-version', 'generate the locales of the source on this host');
  if (/shared memory|Cannot allocate memory|out of memory/.test(text)) return startFailed('clone-start-failed', 'lower clone.memory, or give this host more');
  return startFailed('clone-start-failed', 'the whole log lies in the folder log of the clone');
}

/** Crashes are their own, whoever looks: WAL that cannot be replayed ends a server so every time. */
const OWN_END = /(FATAL|PANIC|ERROR): |could not be started|by signal (4|6|7|8|11)\b|by SIG(ILL|ABRT|BUS|FPE|SEGV)\b|with status 127\b/;
/** A shutdown's own lines (sessions that are ended, or refused meanwhile), and what it did to the engine's command. */
const OF_THE_END = /FATAL: +(terminating |the database system is |canceling |could not restore file .* by signal (2|9|15)\b)|ERROR: \[063\]/;

/** Nothing that the server or the engine said explains its end: it was killed, or told to stop. That says nothing of the backup. */
export const endedFromOutside = (log: string): boolean => !log.split('\n').some((line) => OWN_END.test(line) && !OF_THE_END.test(line));

/**
 * What pgBackRest's archive-get said (build/error.yaml): PostgreSQL takes any of its failures for "no such segment", and so would we
 * call a sound backup broken where only the way to it was. One error may wrap one per repository, by name.
 */
function engineError(text: string): 'corrupt' | 'unreachable' | 'other' | null {
  const codes = [...text.matchAll(/ERROR: \[(\d{3})\]/g)].map((match) => Number(match[1]));
  if (codes.length === 0) return null;
  const names = new Set([...text.matchAll(/\[(\w+Error)\]/g)].map((match) => match[1]));
  const says = (numbers: readonly number[], words: readonly string[]) => codes.some((code) => numbers.includes(code)) || words.some((word) => names.has(word));
  if (says([64, 47], ['FileWriteError', 'PathCreateError'])) return 'other';
  if (says([26, 29, 95], ['ChecksumError', 'FormatError', 'CryptoError'])) return 'corrupt';
  const ways = [
    'HostConnectError',
    'ServiceError',
    'ProtocolError',
    'AccessError',
    'FileOpenError',
    'FileMissingError',
    'PathOpenError',
    'PathMissingError',
    'ExecuteError',
  ];
  return says([39, 41, 49, 50, 53, 55, 73, 101, 102, 103, 105], ways) ? 'unreachable' : 'other';
}

/** DETAIL, CONTEXT and STATEMENT lines may hold rows. */
function quotable(log: string): string {
  return log
    .split('\n')
    .filter((line) => !/ (DETAIL|CONTEXT|STATEMENT|QUERY): /.test(line))
    .join('\n');
}

function lastTelling(text: string): string {
  const telling = text
    .split('\n')
    .filter((line) =>
      /FATAL|PANIC|ERROR|WARN|invalid value for|unrecognized configuration|recovery (stopping|ended)|last completed transaction|restored log file|received .*shutdown|was terminated by|exited with exit code|^assay: the server process/.test(
        line,
      ),
    );
  return (telling.length > 0 ? telling : text.trim().split('\n')).slice(-5).join('\n');
}

function momentOf(line: string | undefined): number | null {
  const [, day, time] = STAMP.exec(line ?? '') ?? [];
  return day === undefined ? null : Date.parse(`${day}T${time}Z`);
}
