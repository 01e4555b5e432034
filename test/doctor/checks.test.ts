import { describe, expect, test } from 'vitest';
import {
  checkArchiveCommand,
  checkArchiveMode,
  checkArchiver,
  checkArchiveTimeout,
  checkChecksums,
  checkWalLevel,
  lastWholeSegment,
  missed,
} from '../../activities/doctor/check-archiving.ts';
import {
  checkCloneBinaries,
  checkCloneProcesses,
  checkCollation,
  checkDisk,
  checkEngineVersion,
  checkExtensions,
  checkTablespaces,
  compareVersions,
} from '../../activities/doctor/check-clone.ts';
import { checkPlaces } from '../../activities/doctor/check-fleet.ts';
import { checkWhatIf, checkWorkload } from '../../activities/doctor/check-optimizer.ts';
import { checkClock, checkManagedService, checkPooler, checkPrimary, checkSlots } from '../../activities/doctor/check-server.ts';
import type { ClusterFacts } from '../../activities/doctor/cluster-facts.ts';
import type { HostFacts } from '../../activities/doctor/host-facts.ts';
import type { Finding } from '../../activities/doctor/line.ts';
import { defaultOptimizerPolicy } from '../../domain/optimizer/policy.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { database, host, policy, sound } from './facts.ts';

const all = (facts: ClusterFacts, machine: HostFacts = host): readonly Finding[] => [
  checkPrimary(facts),
  checkPooler(facts, policy),
  checkManagedService(facts),
  checkClock(facts),
  ...checkSlots(facts),
  checkWalLevel(facts),
  checkArchiveMode(facts),
  checkArchiveCommand(facts, policy),
  checkArchiveTimeout(facts, policy),
  checkArchiver(facts),
  checkChecksums(facts),
  checkEngineVersion(machine, facts, policy),
  checkCloneBinaries(machine, facts),
  checkCloneProcesses(machine),
  ...checkCollation(machine, facts),
  ...checkExtensions(machine, facts),
  checkTablespaces(facts),
  ...checkDisk(machine, facts, policy),
];
const bad = (findings: readonly Finding[]) => findings.filter(({ outcome }) => outcome !== 'ok');

test('a sound cluster on a sound host has nothing to mend', () => {
  expect(bad(all(sound))).toEqual([]);
});

const setting = (settings: Record<string, string>) => ({ settings: { ...sound.settings, ...settings } });
const slot = { name: 'old', active: false, temporary: false, retainedBytes: 5e9, state: 'extended' };

describe('each thing that is wrong with the server is one line with its fix', () => {
  test.each<[string, Partial<ClusterFacts>, string, RegExp, 'warning' | 'fault']>([
    ['a replica', { inRecovery: true }, 'primary', /is a replica/, 'fault'],
    ['a pooler', { isPooled: true }, 'direct-connection', /pooler answers at db1:5432/, 'fault'],
    ['Amazon RDS', { serviceRoles: ['rds_superuser'] }, 'managed-service', /Amazon RDS: fingerprints and witnesses work/, 'fault'],
    ['Amazon Aurora', { serviceRoles: ['rds_superuser'], versionText: 'PostgreSQL 15.4 (Aurora)' }, 'managed-service', /Amazon Aurora/, 'fault'],
    ['Cloud SQL', { serviceRoles: ['cloudsqlsuperuser'] }, 'managed-service', /Cloud SQL/, 'fault'],
    ['Azure', { serviceRoles: ['azure_pg_admin'] }, 'managed-service', /Azure/, 'fault'],
    ['a slow clock', { clockAheadMs: -5_000 }, 'clock', /5000 ms apart/, 'warning'],
    ['a wrong clock', { clockAheadMs: 3_600_000 }, 'clock', /3600000 ms apart/, 'fault'],
    ['wal_level minimal', setting({ wal_level: 'minimal' }), 'wal-level', /minimal/, 'fault'],
    ['wal_level replica', setting({ wal_level: 'replica' }), 'wal-level', /replica/, 'warning'],
    ['archive_mode off', setting({ archive_mode: 'off' }), 'archive-mode', /off/, 'fault'],
    ['archive_mode that waits for a restart', { pendingRestart: ['archive_mode'] }, 'archive-mode', /until the server restarts/, 'fault'],
    ['a quiet cluster that archives nothing', setting({ archive_timeout: '0' }), 'archive-timeout', /stays unarchived until 16 MB are full/, 'warning'],
    ['no archive_command', setting({ archive_command: '' }), 'archive-command', /is empty/, 'fault'],
    ['an archive_command that drops', setting({ archive_command: '/bin/true' }), 'archive-command', /does not run/, 'fault'],
    [
      'another stanza',
      setting({ archive_command: 'pgbackrest --stanza=other archive-push %p' }),
      'archive-command',
      /stanza other, the policy says main/,
      'fault',
    ],
    ['another configuration', setting({ archive_command: 'pgbackrest --config /x --stanza main archive-push %p' }), 'archive-command', /reads \/x/, 'warning'],
    ['an archive library', setting({ archive_library: 'basic_archive' }), 'archive-command', /basic_archive/, 'warning'],
    ['an archiver that fails', { archiver: { lastArchived: null, lastFailed: 'X', failed: 7, failing: true } }, 'archiver', /fails: X \(7 failures\)/, 'fault'],
    ['no checksums', setting({ data_checksums: 'off' }), 'checksums', /off/, 'warning'],
    ['a slot that holds WAL', { slots: [slot] }, 'replication-slots', /old is inactive and holds back 4768 MB/, 'warning'],
    ['a lost slot', { slots: [{ ...slot, state: 'lost' }] }, 'replication-slots', /lost slots: old/, 'warning'],
    ['no free slot', setting({ max_replication_slots: '0' }), 'replication-slots', /all 0 replication slots/, 'warning'],
    ['a major the engine cannot back up', { versionNumber: 160_003 }, 'engine-version', /2\.45 cannot back up PostgreSQL 16/, 'fault'],
    ['a newer minor', { versionNumber: 150_099 }, 'clone-binaries', /15\.99, clones would run 15\.18/, 'warning'],
    [
      'an extension this host lacks',
      { databases: [{ ...database, extensions: [{ name: 'postgis', version: '3' }] }] },
      'extensions',
      /lacks extensions in use: postgis/,
      'fault',
    ],
    [
      'a database that cannot be read',
      { databases: [{ ...database, unreadable: 'permission denied' }] },
      'extensions',
      /shop cannot be read: permission denied/,
      'fault',
    ],
    ['a collation that moved', { databases: [{ ...database, collationRecorded: '2.31' }] }, 'collation', /made with collation version 2\.31/, 'warning'],
    [
      'another C library',
      { databases: [{ ...database, collationRecorded: '2.39', collationActual: '2.39' }] },
      'collation',
      /C library 2\.36, shop is sorted by 2\.39/,
      'fault',
    ],
    ['a locale this host lacks', { databases: [{ ...database, collate: 'de_DE.UTF-8' }] }, 'collation', /lacks the locales of shop \(de_DE\.UTF-8\)/, 'fault'],
  ])('%s', (_, damage, name, line, outcome) => {
    const found = bad(all({ ...sound, ...damage }));
    const here = found.filter((finding) => finding.name === name);
    expect(here).toMatchObject([{ outcome, line: expect.stringMatching(line), fix: expect.stringMatching(/.{10}/) }]);
    // no other check is dragged along, but those of the version that both look at it
    expect(found.filter((finding) => finding.name !== name && finding.name !== 'clone-binaries')).toEqual([]);
  });
});

describe('and with the host', () => {
  test.each<[string, Partial<HostFacts>, string, RegExp, 'warning' | 'fault']>([
    ['no engine', { engineVersion: null, engineReason: 'ENOENT' }, 'engine-version', /does not run: ENOENT/, 'fault'],
    [
      'no configuration',
      { engineVersion: null, engineReason: 'reading pgbackrest.conf ended with status none: ENOENT' },
      'engine-version',
      /configuration .* cannot be read/,
      'fault',
    ],
    ['no binaries', { binaries: null }, 'clone-binaries', /no PostgreSQL 15 programs/, 'fault'],
    [
      'no pg_amcheck',
      { binaries: { folder: '/b', version: '15.18', missingPrograms: ['pg_amcheck'], extensions: new Set(['plpgsql', 'amcheck']) } },
      'clone-binaries',
      /lacks pg_amcheck/,
      'fault',
    ],
    [
      'no amcheck',
      { binaries: { folder: '/b', version: '15.18', missingPrograms: [], extensions: new Set(['plpgsql']) } },
      'extensions',
      /lacks amcheck/,
      'fault',
    ],
    ['a full disk', { cloneDisk: { ...host.cloneDisk, freeBytes: 1e9 } }, 'clone-disk', /0\.9 GB free in \/clones, the cluster has 10\.0 GB/, 'fault'],
    ['a disk for one clone only', { cloneDisk: { ...host.cloneDisk, freeBytes: 15e9 } }, 'clone-disk', /not enough for 2 clones/, 'warning'],
    ["the data directory's disk", { cloneDisk: { ...host.cloneDisk, sharesDataDisk: true } }, 'clone-disk', /fill the disk of the data directory/, 'warning'],
    [
      'folders above that the OS user cannot pass',
      { cloneDisk: { ...host.cloneDisk, shutOut: 'postgres' } },
      'clone-disk',
      /postgres .* cannot enter/,
      'fault',
    ],
    ['root that may not look at processes', { seesClones: false }, 'clone-processes', /root without CAP_SYS_PTRACE/, 'fault'],
    ['a folder of another user', { cloneDisk: { ...host.cloneDisk, writable: false } }, 'clone-disk', /cannot be written/, 'fault'],
  ])('%s', (_, damage, name, line, outcome) => {
    const found = bad(all(sound, { ...host, ...damage })).filter((finding) => finding.name === name);
    expect(found).toMatchObject([{ outcome, line: expect.stringMatching(line), fix: expect.stringMatching(/.{10}/) }]);
  });
});

test('an objective that archiving cannot hold', () => {
  const tight = { ...policy, objectives: { ...policy.objectives, rpoMs: 30_000 } };
  expect(checkArchiveTimeout(sound, tight)).toMatchObject({
    outcome: 'warning',
    line: 'archive_timeout is 60 s, objectives.rpo 30 s: the objective cannot be held',
  });
});

test('text sorted by C needs no version, a database in C none of this', () => {
  expect(
    bad(checkCollation({ ...host, libc: '2.99' }, { ...sound, databases: [{ ...database, collate: 'C', collationRecorded: null, collationActual: null }] })),
  ).toEqual([]);
});

test('what would fall with the cluster is named', () => {
  const temporal = { address: 'db1:7233', version: async () => '', pollers: async () => [] };
  const together = checkPlaces(policy, 'id', { systemIdentifier: 'id', host: 'db1' }, temporal);
  expect(together.map(({ outcome, line }) => `${outcome} ${line}`)).toEqual([
    'warning the control database lives in this cluster',
    'warning Temporal (db1:7233) runs on the host of this cluster',
  ]);
  expect(bad(checkPlaces(policy, 'id', { systemIdentifier: 'other', host: 'c' }, { ...temporal, address: 'elsewhere:7233' }))).toEqual([]);
});

test('the last whole segment is the one before the position', () => {
  expect(lastWholeSegment('0/5000100', 1, 16 * 1024 ** 2)).toBe('000000010000000000000004');
  expect(lastWholeSegment('1/0', 3, 16 * 1024 ** 2)).toBe('0000000300000000000000FF');
  expect(lastWholeSegment('0/1000100', 1, 16 * 1024 ** 2)).toBeNull();
});

test('versions are compared part by part', () => {
  expect(compareVersions('2.9', '2.45')).toBeLessThan(0);
  expect(compareVersions('2.53.1', '2.53')).toBeGreaterThan(0);
  expect(compareVersions('2.45dev', '2.45')).toBe(0);
});

test('segments that were finished before archiving was turned on are no fault of the archive, until one was tried', () => {
  const question = { policy, repository: 1, wanted: '000000010000000000000004', archiver: { ...sound.archiver, lastArchived: null } };
  expect(missed(question, null)).toMatchObject({ outcome: 'warning', fix: 'select pg_switch_wal(), then look again' });
  expect(missed(question, '000000010000000000000003')).toMatchObject({ outcome: 'fault' });
  expect(missed({ ...question, archiver: sound.archiver }, null)).toMatchObject({ outcome: 'fault' });
  expect(missed({ ...question, archiver: { ...question.archiver, failed: 2 } }, null)).toMatchObject({ outcome: 'fault' });
});

describe('what runs of the optimizer need', () => {
  const scheduled: ClusterPolicy = {
    ...policy,
    optimizer: { ...defaultOptimizerPolicy, schedule: { cron: '0 3 * * *', timeZone: 'UTC', jitterMs: 0, catchUpMs: 0 } },
  };
  const counting = { ...database, extensions: [{ name: 'pg_stat_statements', version: '1.10' }] };
  const loaded = setting({ 'pg_stat_statements.max': '5000' });
  const hostWith = (...extensions: string[]): HostFacts => ({
    ...host,
    binaries: { folder: '/b', version: '15.18', missingPrograms: [], extensions: new Set(extensions) },
  });

  test('is there, and said', () => {
    expect([checkWorkload({ ...sound, ...loaded, databases: [counting] }, scheduled), ...checkWhatIf(hostWith('hypopg'), sound, scheduled)]).toMatchObject([
      { name: 'workload', outcome: 'ok', line: 'pg_stat_statements of shop tells the optimizer what runs' },
      { name: 'what-if', outcome: 'ok' },
    ]);
  });

  test.each<[string, Partial<ClusterFacts>, RegExp]>([
    ['no extension', { databases: [database] }, /^as a superuser in shop: CREATE EXTENSION pg_stat_statements; until then/],
    [
      'nor its library',
      { databases: [database], ...setting({ shared_preload_libraries: 'auto_explain' }) },
      /^add pg_stat_statements to .* restart the server; then as/,
    ],
    ['texts of others hidden', { databases: [counting], readsStatistics: false }, /^as a superuser: GRANT pg_read_all_stats TO "?assay"?;/],
    ['only in a database nobody asks', { databases: [database, { ...counting, name: 'other' }] }, /CREATE EXTENSION/],
  ])('%s: a warning where it is scheduled, a way where it is not', (_, damage, fix) => {
    const facts = { ...sound, ...loaded, ...damage };
    expect(checkWorkload(facts, scheduled)).toMatchObject({ outcome: 'warning', fix: expect.stringMatching(fix) });
    const { outcome, line } = checkWorkload(facts, policy);
    expect([outcome, line]).toEqual(['ok', expect.stringMatching(/no optimizer is scheduled here; for a run by hand/)]);
  });

  test('a database that is not there, or lets nobody in, is said whatever else there is', () => {
    const elsewhere: ClusterPolicy = { ...policy, optimizer: { ...defaultOptimizerPolicy, database: 'nosuch' } };
    const facts = { ...sound, ...loaded, databases: [counting] };
    expect(checkWorkload(facts, elsewhere)).toMatchObject({ outcome: 'warning', line: expect.stringContaining('no database nosuch') });
    const shut = { ...counting, name: 'nosuch', unreadable: 'permission denied' };
    expect(checkWorkload({ ...facts, databases: [counting, shut] }, elsewhere)).toMatchObject({
      outcome: 'warning',
      line: expect.stringContaining('permission'),
    });
  });

  test('a host without hypopg', () => {
    const without = hostWith('amcheck');
    expect(checkWhatIf(without, sound, scheduled)).toMatchObject([{ outcome: 'warning', fix: expect.stringContaining('postgresql-15-hypopg') }]);
    expect(checkWhatIf(without, sound, policy)).toMatchObject([{ outcome: 'ok', line: expect.stringContaining('postgresql-15-hypopg') }]);
  });
});
