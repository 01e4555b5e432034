import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseControlData } from '../../activities/backup/clone/control-data.ts';
import { foldersOf, shortId } from '../../activities/backup/clone/layout.ts';
import { endedFromOutside, recoveryProgress, timelineOf, whyEnded } from '../../activities/backup/clone/recovery-log.ts';
import { configuration, recoverySettings, sourceSettings } from '../../activities/backup/clone/settings.ts';
import { targetSettings } from '../../activities/backup/clone/target.ts';

const ended = { clone: 'c1', target: 'LSN 0/5', directory: '/clones/c1', stanza: 'main', freeBytes: 1e12 };
const line = (text: string) => `2026-11-21 06:00:00.123 UTC [42] ${text}\n`;

describe('the log of a clone', () => {
  it('is at its target only where recovery says that it ended there', () => {
    const paused = line('LOG:  database system is ready to accept read-only connections') + line('LOG:  pausing at the end of recovery');
    expect(recoveryProgress(paused)).toMatchObject({ readyAtMs: Date.parse('2026-11-21T06:00:00.123Z'), pausedAtMs: Date.parse('2026-11-21T06:00:00.123Z') });
    const otherwise = line('WARNING:  hot standby is not possible because of insufficient parameter settings') + line('LOG:  recovery has paused');
    expect(recoveryProgress(otherwise)).toMatchObject({ pausedAtMs: null, needsHigherSettings: true });
  });

  it('knows the timeline from the last segment it read', () => {
    const log = line('LOG:  restored log file "00000002.history" from archive') + line('LOG:  restored log file "0000000200000000000000A1" from archive');
    expect(timelineOf(recoveryProgress(log))).toBe(2);
    expect(timelineOf(recoveryProgress(''))).toBeNull();
  });

  it.each([
    ['FATAL:  recovery ended before configured recovery target was reached', 'target-not-reached', undefined],
    ['FATAL:  requested recovery stop point is before consistent recovery point', 'target-not-reached', undefined],
    ['FATAL:  could not locate required checkpoint record', 'target-not-reached', undefined],
    ['FATAL:  could not write to file "pg_wal/xlogtemp.9": No space left on device', 'disk-full', undefined],
    ['FATAL:  could not access file "$libdir/pg_cron": No such file or directory', 'clone-start-failed', 'missing-extension'],
    ['FATAL:  database files are incompatible with server', 'clone-start-failed', 'missing-binaries'],
    ['FATAL:  could not map anonymous shared memory: Cannot allocate memory', 'clone-start-failed', 'clone-start-failed'],
  ])('%s → %s', (text, code, cause) => {
    const error = whyEnded(line(text), ended);
    expect([error.code, error.values.cause]).toEqual([code, cause]);
  });

  it('blames the repository only where its own tool could not reach it, and WAL only where it found it damaged', () => {
    const stopped = line('FATAL:  recovery ended before configured recovery target was reached');
    const engine = (text: string) => whyEnded(`2026-11-21 06:00:00.000 P00  ERROR: ${text}\n${stopped}`, ended);
    expect(engine("[049]: unable to connect to '127.0.0.1:9000'").code).toBe('repository-unreachable');
    expect(engine('[103]: unable to find a valid repository').code).toBe('repository-unreachable');
    expect(engine('[103]: unable to find a valid repository:\n  repo1: [ChecksumError] invalid checksum').values.cause).toBe('wal-corrupt');
    const unable = (name: string) =>
      engine(`[042]: unable to get 000000010000000000000004:\n       repo1: 15-1/0000/000000010000000000000004-f8.zst [${name}] unable`);
    expect([unable('FileWriteError').code, unable('HostConnectError').code]).toEqual(['clone-start-failed', 'repository-unreachable']);
    expect([unable('ChecksumError').code, unable('ChecksumError').values.cause]).toEqual(['target-not-reached', 'wal-corrupt']);
    expect(whyEnded(stopped, { ...ended, freeBytes: 1000 }).code).toBe('disk-full');
    expect(engine('[029]: unexpected eof in compressed data').values.cause).toBe('wal-corrupt');
  });

  it.each([
    ['LOG:  restored log file "000000010000000000000017" from archive', true],
    ['LOG:  startup process (PID 7) was terminated by signal 9: Killed', true],
    ['LOG:  received fast shutdown request\nFATAL:  terminating connection due to administrator command', true],
    ['LOG:  startup process (PID 7) was terminated by signal 11: Segmentation fault', false],
    ['FATAL:  could not restore file "00000001000000000000000A" from archive: child process was terminated by signal 9: Killed', true],
    ['FATAL:  could not map anonymous shared memory: Cannot allocate memory', false],
    ['PANIC:  could not locate a valid checkpoint record', false],
    ['P00  ERROR: [103]: unable to find a valid repository', false],
    ['assay: the server process could not be started: spawn EAGAIN', false],
  ])('came from outside where nothing said explains it: %s → %s', (text, fromOutside) => {
    expect(endedFromOutside(line('LOG:  redo starts at 0/2000028') + text)).toBe(fromOutside);
    if (fromOutside) expect(whyEnded(text, ended).values.lines).toBe(text);
  });

  it('is never quoted where it may hold rows', () => {
    const log =
      line('FATAL:  recovery ended before configured recovery target was reached') + line('DETAIL:  Key (name)=(Ada) exists') + line('STATEMENT:  select Ada');
    expect(JSON.stringify(whyEnded(log, ended).values)).not.toContain('Ada');
  });
});

describe('the configuration of a clone', () => {
  const control = parseControlData(
    'Database system identifier:  7\nmax_connections setting:     300\nmax_prepared_xacts setting:  9\ntrack_commit_timestamp setting:       on\n',
  );
  const policy = { directory: '/clones', maxClones: 1, memoryMb: 512, osUser: null, binaries: null, honest: true };
  const plan = {
    folders: foldersOf('/clones/c1'),
    policy,
    control,
    recovery: { restore_command: "x '%p'" },
    target: { kind: 'time', at: 'T' },
    version: '15.18',
  } as const;

  it('takes its minimum settings from pg_control', () => {
    expect(configuration(plan).postgresql).toMatch(/max_connections = 300\n[\s\S]*max_prepared_transactions = 9\n[\s\S]*track_commit_timestamp = on\n/);
    expect(configuration(plan).postgresql).toMatch(/restore_command = 'x ''%p'' && set -- %f "%p" && . ''\/clones\/c1\/conf\/look.sh'''\n/);
    expect(configuration({ ...plan, policy: { ...policy, honest: false } }).postgresql).toContain('\nfsync = off\n');
  });

  it('knows no setting that an older major lacks', () => {
    expect(configuration({ ...plan, version: '14.2' }).postgresql).not.toMatch(/recovery_prefetch|archive_library|event_triggers|restrict_nonsystem/);
    expect(configuration({ ...plan, version: '17.0' }).postgresql).toContain('event_triggers = off');
  });

  it('reads back whatever an engine may have written as its restore_command', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ -~]{1,60}$/), (command) => {
        const text = `# by the engine\nrestore_command = 'older'\nrestore_command = '${command.replaceAll('\\', '\\\\').replaceAll("'", "''")}'\nwork_mem = '1GB'\n`;
        expect(recoverySettings(text)).toEqual({ restore_command: command });
      }),
    );
  });

  it('keeps what ALTER SYSTEM had set in the source, and nothing of recovery', () => {
    expect(sourceSettings("# kept\nwork_mem = '1GB'\nrestore_command = 'x'\nrecovery_target_lsn = '0/5'\narchive_mode = 'off'\n")).toBe(
      "# kept\nwork_mem = '1GB'\narchive_mode = 'off'\n",
    );
  });

  it('names one kind of target', () => {
    expect(targetSettings({ kind: 'lsn', lsn: '0/5', exclusive: true })).toEqual({ recovery_target_lsn: '0/5', recovery_target_inclusive: 'off' });
    expect(targetSettings({ kind: 'xid', xid: '9', exclusive: false })).toEqual({ recovery_target_xid: '9', recovery_target_inclusive: 'on' });
  });
});

describe('the folder of a clone', () => {
  it('is short whatever its id is, and refused where its socket would have too long a name', () => {
    expect(shortId('1a2b3c4d')).toBe('1a2b3c4d');
    expect(shortId('backup/main/prove/2026-11-21T06:00:00Z')).toMatch(/^c[0-9a-f]{12}$/);
    // two proofs whose ids begin alike have two folders: one wipes its own
    const [one, other] = ['1a2b3c4d-0000-4000-8000-000000000001', '1a2b3c4d-0000-4000-8000-000000000002'].map(shortId);
    expect(one).not.toBe(other);
    for (const id of ['..', '.', 'a/b', '-rf', '']) expect(shortId(id)).toMatch(/^c[0-9a-f]{12}$/);
    expect(() => foldersOf(`/${'x'.repeat(90)}/c1`)).toThrow(/name a shorter|too many/);
  });
});
