import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { segmentsOf } from '../../activities/backup/engines/pgbackrest/archive.ts';
import { readEngineConfig } from '../../activities/backup/engines/pgbackrest/config.ts';
import { clean, type FailedRun, failureOf, numbered, parseEngineJson } from '../../activities/backup/engines/pgbackrest/failure.ts';
import { parseInfo } from '../../activities/backup/engines/pgbackrest/info.ts';
import { progressReader } from '../../activities/backup/engines/pgbackrest/progress.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-conf-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function config(text: string, environment: NodeJS.ProcessEnv = {}) {
  const file = join(folder, 'pgbackrest.conf');
  writeFileSync(file, text);
  return readEngineConfig(file, 'shop', environment);
}

describe("the user's pgbackrest.conf", () => {
  test('names repositories, data directory, keys and asynchronous archiving', () => {
    const read = config(`# ours
[global]
repo1-path=/var/lib/pgbackrest
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass = topsecret
repo3-type=s3
repo3-s3-key=AKIDEXAMPLE
repo3-s3-key-secret=alsosecret
archive-async=y
[other]
pg1-path=/other
[shop]
pg1-path=/data`);
    expect(read).toMatchObject({ repositories: [1, 3], dataDirectory: '/data', isArchiveAsync: true, isPgHostRemote: false });
    expect([read.encrypted(1), read.encrypted(3)]).toEqual([true, false]);
    expect([...read.secrets].sort()).toEqual(['AKIDEXAMPLE', 'alsosecret', 'topsecret']);
  });

  test('may use old option names, and sections of one command', () => {
    const read = config('[global]\nrepo-path=/r\n[global:archive-get]\narchive-async=y\n[shop]\ndb-path=/data\n');
    expect(read).toMatchObject({ repositories: [1], dataDirectory: '/data', isArchiveAsync: true });
    expect(config('[global]\narchive-async=y\n[shop:archive-get]\narchive-async=n\n').isArchiveAsync).toBe(false);
  });

  test('on a repository host has no data directory here', () => {
    expect(config('[shop]\npg1-path=/data\npg1-host=db1\n')).toMatchObject({ dataDirectory: null, isPgHostRemote: true });
  });

  test('is overruled by the environment, as for the engine itself', () => {
    const read = config('[global]\nrepo1-path=/r\n', { PGBACKREST_REPO2_CIPHER_PASS: 'fromthere', PGBACKREST_PG1_PATH: '/env' });
    expect(read).toMatchObject({ repositories: [1, 2], dataDirectory: '/env', secrets: ['fromthere'] });
  });

  test('that is empty still means the default repository', () => {
    expect(config('').repositories).toEqual([1]);
  });
});

const failure = (output: string, more: Partial<FailedRun> = {}) =>
  failureOf({ command: 'restore', status: 1, output, cluster: 'c', stanza: 's', repository: 1, isEncrypted: true, secrets: ['hush-hush'], ...more });

describe('a failed run', () => {
  test.each([
    ['ERROR: [050]: unable to acquire lock on file', 'engine-busy', {}],
    ['ERROR: [050]: unable to acquire lock on file: Permission denied', 'engine-refused', {}],
    ["ERROR: [049]: unable to connect to '10.0.0.1:443': [110] Connection timed out", 'repository-unreachable', {}],
    ['ERROR: [101]: HTTP request failed with 503 (Service Unavailable)', 'repository-unreachable', {}],
    ['ERROR: [039]: HTTP request failed with 403 (Forbidden)', 'repository-unreachable', {}],
    ["ERROR: [042]: timeout after 10000ms waiting for read from '127.0.0.1:1'", 'repository-unreachable', {}],
    ['ERROR: [072]: expire command must be run on the repository host', 'engine-refused', {}],
    ["ERROR: [095]: unable to load info file '/r/backup.info': CryptoError: unable to flush", 'wrong-cipher-key', {}],
    ['ERROR: [095]: unable to flush', 'engine-refused', { cause: 'backup-file-corrupt' }],
    ["ERROR: [095]: unable to load backup manifest file '/r/backup.manifest'", 'engine-refused', { cause: 'manifest-damaged' }],
    ['ERROR: [026]: raised from local-1 shim protocol: error restoring x', 'engine-refused', { cause: 'backup-file-corrupt' }],
    ["ERROR: [055]: unable to open missing file '/r/backup/s/x/bundle/1'", 'engine-refused', { cause: 'backup-missing' }],
    ["ERROR: [064]: unable to write '/clone/data/base/1': [28] No space left on device", 'disk-full', { directory: '/clone/data/base/1' }],
    ['ERROR: [075]: backup set 20200101-000000F is not valid', 'backup-unknown', { label: '20200101-000000F' }],
    ['ERROR: [082]: WAL segment 000000010000000000000002 was not archived before the 60000ms timeout', 'archiving-broken', {}],
    ['ERROR: [056]: unable to find primary cluster - cannot proceed', 'cluster-unreachable', {}],
    [
      'ERROR: [051]: PostgreSQL version 15, system-id 111 do not match stanza version 15, system-id 222',
      'system-identifier-differs',
      { found: '111', expected: '222' },
    ],
    ["ERROR: [031]: option 'beta' is not valid", 'engine-refused', {}],
    ['ERROR: [099]: something of tomorrow', 'engine-refused', { cause: 'backup-file-corrupt' }],
    ['ERROR: [122]: something else', 'engine-failed', {}],
    ['killed', 'engine-failed', {}],
  ] as const)('%s → %s', (output, code, values) => {
    expect(
      failure(`2026-11-21 06:00:00.000 P00   INFO: begin\n2026-11-21 06:00:01.000 P00  ${output}\n2026-11-21 06:00:01.001 P00   INFO: aborted`),
    ).toMatchObject({ code, values });
    expect(failure(output)).toMatchObject({ code, values });
  });

  test('a file that ends early is damage; a connection that does is none', () => {
    const early = failure('ERROR: [042]: raised from local-1 protocol: unexpected eof\n                                    [FileReadError] on retry after 0ms');
    expect([early.code, early.values.cause]).toEqual(['engine-refused', 'backup-file-corrupt']);
    expect(failure('ERROR: [042]: raised from local-1 protocol: unexpected EOF while reading HTTP content').code).toBe('repository-unreachable');
  });

  test('a backup that finds a file gone has found no damage', () => {
    expect(failure('ERROR: [055]: unable to open missing file', { command: 'backup' }).values.cause).toBeUndefined();
  });

  test('never says a secret, a request or raw bytes', () => {
    const text = clean('with hush-hush\n*** Path/Query ***:\nGET /b?x\n*** Request Headers ***:\nauthorization: y', ['hush-hush']);
    expect(text).toBe('with ***');
    expect(clean('found outside of section at line 1: \u0007\u001b[2J\ufffd', [])).toBe('found outside of section at line 1: ??[2J?');
  });

  test('whatever a run prints, its error has only characters for a terminal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (output) => {
        expect(failure(`ERROR: [026]: ${output}`).message).not.toMatch(/(?![\n\t])\p{Cc}/u);
      }),
    );
  });

  test('an error named in JSON is the one with its number', () => {
    expect(numbered('[HostConnectError] no way')).toEqual({ status: 49, output: 'ERROR: [049]: no way' });
    expect(numbered('whatever').status).toBe(99);
  });

  test('JSON with raw bytes in its strings is still read', () => {
    expect(parseEngineJson('{"message":"a\u0007b\nc"}')).toEqual({ message: 'a?b c' });
  });
});

test('system identifiers keep all their digits', () => {
  const json = '[{"name":"shop","db":[{"id":1,"system-id":7710499782769371939,"version":"15"}],"status":{"code":0,"message":"ok"}}]';
  expect(parseInfo(json, 'shop')?.db[0]?.['system-id']).toBe('7710499782769371939');
  expect(parseInfo(json, 'another')).toBeUndefined();
});

test('lines of a running backup add up to its progress', () => {
  const progress = progressReader('backup');
  expect(progress.now()).toEqual({ phase: 'backup', doneBytes: 0, totalBytes: 0 });
  progress.onLine('P01 DETAIL: backup file /d/base/5/1 (bundle 1/2643264, 8KB, 25%) checksum 42e5');
  progress.onLine('P00   INFO: new backup label = x');
  progress.onLine('P01 DETAIL: backup file /d/base/(5, 3%)/2 (2MB->1MB, 50.00%) checksum 42e5');
  expect(progress.now()).toEqual({ phase: 'backup', doneBytes: 8192 + 1048576, totalBytes: 2 * (8192 + 1048576) });
});

test('only whole segments count, in WAL order, each twin too', () => {
  const sha = (digit: string) => digit.repeat(40);
  const file = { type: 'file', size: 7, time: 1795240629 };
  const listing = {
    '.': { type: 'path' },
    [`0000000100000000/000000010000000000000003-${sha('b')}.zst`]: file,
    [`0000000100000000/000000010000000000000003-${sha('a')}`]: file,
    [`0000000100000000/000000010000000000000002-${sha('a')}.lz4`]: file,
    '0000000100000000/000000010000000000000002.00000028.backup': file,
    [`0000000100000000/000000010000000000000004.partial-${sha('a')}.zst`]: file,
    [`0000000200000000/000000020000000000000001-${sha('a')}.gz`]: file,
    '00000002.history': file,
    'archive.info': file,
  };
  expect(segmentsOf(listing, 'archive/s/15-1', 2).map(({ path }) => path.split('/').at(-1))).toEqual([
    `000000010000000000000002-${sha('a')}.lz4`,
    `000000010000000000000003-${sha('a')}`,
    `000000010000000000000003-${sha('b')}.zst`,
    `000000020000000000000001-${sha('a')}.gz`,
  ]);
  expect(segmentsOf(listing, 'p', 2)[0]).toMatchObject({
    repository: 2,
    sizeBytes: 7,
    archivedAt: '2026-11-21T05:57:09.000Z',
    name: '000000010000000000000002',
  });
});
