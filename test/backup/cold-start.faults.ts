/**
 * Restores with nothing of the fleet: no Temporal, no control database, no worker; the source stopped for most of it.
 * The machine has the repository, its pgbackrest.conf, the policy file and the evidence folder.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { readCloneFile } from '../../activities/backup/clone/layout.ts';
import { createBackupSteps } from '../../activities/backup/steps.ts';
import { run } from '../../activities/process.ts';
import { isAlive } from '../../activities/process-alive.ts';
import type { BackupRecord } from '../../domain/backup/model.ts';
import { openColdFleet } from '../../workers/commands/cold-fleet.ts';
import { createSourceObjects } from '../../workers/commands/plan-source-objects.ts';
import { processOfOwner } from '../../workers/commands/restore-question.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { policyText } from '../../workers/embedded/policy-text.ts';
import { type KeyFiles, makeSigningKey } from '../../workers/embedded/signing-key.ts';
import { assay, printedByAssay, startAssay, startUnreaped } from '../support/assay-command.ts';
import { testCluster } from '../support/cluster.ts';
import { filesBelow } from '../support/damaged.ts';
import { eventually } from '../support/engine.ts';
import { inventory } from '../support/repository.ts';
import { asFound, askRestored, enginesAt, stopAfterwards, stopAllRestored } from '../support/restored.ts';

let cluster: EmbeddedCluster;
let policyFile: string;
let keys: KeyFiles;
let backup: BackupRecord;
/** Between the second and the third row. */
let moment: string;
/** Behind the last transaction, before the newest segment arrived. */
let afterLast: string;
/** The folder of the newest restore that stays. */
let restored: string;

beforeAll(async () => {
  cluster = await testCluster({ name: 'shop' });
  keys = makeSigningKey(cluster.directory);
  policyFile = join(cluster.directory, 'assay.yaml');
  writeFileSync(policyFile, policyText({ cluster, host: 'elsewhere', temporalAddress: '127.0.0.1:1', signingKeyFile: keys.privateKey }));
  await cluster.sql('create table account as select g as id, md5(g::text) as owner from generate_series(1, 60000) g');
  await cluster.sql('create table step (name text primary key)');
  const { policy, deps } = await openColdFleet('shop', { file: policyFile, json: true }, { signal: new AbortController().signal });
  const steps = createBackupSteps(deps);
  await createSourceObjects(() => '').apply(policy);
  await cluster.sql("insert into step values ('before the backup')");
  // what a source has and does by itself, and what a cluster restored from it must not; none of it is in force here, since nothing reloads it
  const settings = {
    synchronous_standby_names: 'away',
    shared_preload_libraries: 'no_such_library',
    archive_cleanup_command: 'false',
    recovery_end_command: 'false',
  };
  for (const [name, value] of Object.entries(settings)) await cluster.sql(`alter system set ${name} = '${value}'`);
  await cluster.sql("create subscription taker connection 'host=nowhere.invalid' publication p with (connect = false, slot_name = 'taker')");
  await cluster.sql('alter subscription taker enable');
  ({ backup } = await steps.takeBackup({ policy, type: 'full', repository: 1, requestKey: 'cold' }));
  // the engine tells a backup's end in whole seconds: only the one after it is sure to come later
  await until(Date.parse(backup.stoppedAt) + 1_000);
  await cluster.sql("insert into step values ('before the moment')");
  await steps.makeMarkers({ policy, equality: 'hash' });
  const [row] = await cluster.sql<{ at: Date }>('select clock_timestamp() as at');
  moment = (row as { at: Date }).at.toISOString();
  await until(Date.parse(moment) + 10);
  await cluster.sql("insert into step values ('after the moment')");
  await steps.awaitArchived({ policy, repository: 1 });
  // a segment without any transaction: its arrival says nothing of how far time can be restored
  await until(Date.now() + 3_000);
  await cluster.sql('checkpoint');
  await cluster.sql('select pg_switch_wal()');
  await eventually(
    async () => (await cluster.sql<{ done: boolean }>("select last_archived_time > now() - interval '2 s' as done from pg_stat_archiver"))[0]?.done,
  );
  afterLast = new Date(Date.now() - 2_500).toISOString();
}, 120_000);

afterAll(stopAllRestored);

const names = (text: string) => `select string_agg(name, ', ' order by name) as names from ${text}`;

describe('with the source up, and quiet', { timeout: 90_000 }, () => {
  test('a restore and its proof leave the repository as it was, byte for byte', async () => {
    const before = inventory(cluster.repositoryPath);
    const into = fresh();
    const { exit, json, err } = await cold(into, '--to-time', moment);
    expect({ exit, err: exit === 0 ? '' : err, json: exit === 0 ? {} : json }).toEqual({ exit: 0, err: '', json: {} });
    expect(json.proof).toMatchObject({ verdict: 'proven', level: 'content', backup: backup.label });
    expect(inventory(cluster.repositoryPath)).toEqual(before);
  });
});

describe('with the source gone', { timeout: 90_000 }, () => {
  beforeAll(() => cluster.stop('immediate'));

  test('leaves a running, proven cluster at exactly that moment, and says how to go live', async () => {
    const before = inventory(cluster.repositoryPath);
    // longer than any name of a clone, with a blank, made by the user beforehand
    const into = join(fresh(), 'what was there before the incident');
    mkdirSync(into, { mode: 0o755 });
    restored = stopAfterwards(into, cluster);
    const { exit, json } = await cold(into, '--to-time', moment);
    expect(exit).toBe(0);
    expect(json).toMatchObject({ directory: into, dataDirectory: `${into}/data`, socket: `${into}/socket`, port: 5432 });
    expect(json.proof).toMatchObject({ verdict: 'proven', level: 'content', backup: backup.label });
    expect(await askRestored(into, names('step'))).toEqual([{ names: 'before the backup, before the moment' }]);
    expect(
      await askRestored(into, 'select pg_is_in_recovery() as r, current_setting($$archive_mode$$) as a, current_setting($$listen_addresses$$) as l'),
    ).toEqual([{ r: false, a: 'off', l: '' }]);
    await askRestored(into, "insert into step values ('life goes on')");
    expect(json.goLive.join('\n')).toContain('archive_mode = on');
    expect(statSync(into).mode & 0o777).toBe(0o700);
    expect(inventory(cluster.repositoryPath)).toEqual(before);
  });

  test('its certificate is signed, chained and verifies', async () => {
    const { exit, json } = await assay(['backup', 'verify-certificate', cluster.policy().evidenceDirectory, '--key', keys.publicKey]);
    expect({ exit, valid: json.valid }).toEqual({ exit: 0, valid: true });
    expect(json.chains[0]?.verdicts.proven).toBeGreaterThanOrEqual(2);
  });

  test('a second restore into the same folder is refused, and the cluster in it goes on', async () => {
    const into = restored;
    const { exit, json } = await cold(into, '--to-time', moment);
    expect({ exit, code: json.error.code }).toEqual({ exit: 5, code: 'directory-not-empty' });
    expect(await askRestored(into, names('step'))).toEqual([{ names: 'before the backup, before the moment, life goes on' }]);
  });

  test('to the stop of the backup: proven by its structure, since no marker was made by then', async () => {
    const { exit, json } = await cold(fresh(), '--to-lsn', backup.stopLsn);
    expect(exit).toBe(0);
    expect(json.proof).toMatchObject({ verdict: 'proven', level: 'structure' });
  });

  test.each([
    ['too early', ['--to-time', '2020-01-01T00:00:00Z'], /after: /],
    ['too late', ['--to-time', '2099-01-01T00:00:00Z'], /before: /],
    ['past the archive', ['--to-lsn', 'FF/0'], /before: /],
  ])('%s: refused before anything starts, with the nearest that can be reached', async (_, target, nearest) => {
    const into = join(fresh(), 'never-made');
    const { exit, json } = await cold(into, ...target);
    expect({ exit, code: json.error.code }).toEqual({ exit: 5, code: 'target-unreachable' });
    expect(json.error.hint).toMatch(nearest);
    expect(existsSync(into)).toBe(false);
  });

  test('behind the last transaction of a quiet source: refused, with that transaction as the way out', async () => {
    const { exit, json } = await cold(join(fresh(), 'never-made'), '--to-time', afterLast);
    expect({ exit, code: json.error.code }).toEqual({ exit: 5, code: 'target-unreachable' });
    expect(json.error.values.reason).toContain('the last transaction in the archived WAL ended');
    const lsn = /--to-lsn (\S+)/.exec(json.error.hint)?.[1] ?? '';
    const into = fresh();
    expect((await cold(into, '--to-lsn', lsn)).json.proof).toMatchObject({ verdict: 'proven', level: 'content' });
    expect(await askRestored(into, names('step'))).toEqual([{ names: 'after the moment, before the backup, before the moment' }]);
  });

  test('a folder with anything in it: refused, nothing touched', async () => {
    const into = fresh();
    writeFileSync(join(into, 'mine'), 'x');
    const { exit, json } = await cold(into, '--to-time', moment);
    expect({ exit, code: json.error.code }).toEqual({ exit: 5, code: 'directory-not-empty' });
    expect(readdirSync(into)).toEqual(['mine']);
  });

  test('the commands of --print, run as they stand, give the same cluster', async () => {
    const into = join(fresh(), 'it is here');
    stopAfterwards(into, cluster);
    const { exit, json } = await assay(['backup', 'restore', 'shop', '--to-time', moment, '--into', into, '--print', '--file', policyFile]);
    expect(exit).toBe(0);
    expect(existsSync(into)).toBe(false);
    expect(json.text).not.toMatch(/cipher-pass/);
    const people = await printedByAssay(['backup', 'restore', 'shop', '--to-time', moment, '--into', into, '--print', '--file', policyFile]);
    expect(people).toContain(`\n${json.text}\n`);
    await run({ argv: ['sh', '-ec', people], as: cluster.osUser, env: { PATH: `${cluster.binaries}:${process.env.PATH}` }, deadlineMs: 60_000 });
    expect(await askRestored(into, names('step'))).toEqual([{ names: 'before the backup, before the moment' }]);
    expect(await askRestored(into, 'select pg_is_in_recovery() as r, current_setting($$archive_mode$$) as a')).toEqual([{ r: false, a: 'off' }]);
    // a subscriber of that name is still alive somewhere: nothing here takes its changes, runs a job, or waits for another's standby
    expect(await askRestored(into, 'select subname, subenabled from pg_subscription')).toEqual([{ subname: 'taker', subenabled: true }]);
    expect(await askRestored(into, "select backend_type from pg_stat_activity where backend_type like 'logical replication%'")).toEqual([]);
    await askRestored(into, "insert into step values ('life goes on')");
  });
});

describe('an interrupted restore', { timeout: 90_000 }, () => {
  test('by Ctrl-C leaves the folder as it was', async () => {
    const into = fresh();
    chmodSync(into, 0o750);
    const was = asFound(into);
    const command = startCold(into);
    await eventually(() => existsSync(join(into, 'lock/assay-restore.begun')), 'the restore to begin');
    command.process.kill('SIGINT');
    const { exit, json } = await command.ended;
    expect({ exit, code: json.error.code }).toEqual({ exit: 3, code: 'cancelled' });
    expect(asFound(into)).toEqual(was);
    expect(enginesAt(into)).toEqual([]);
  });

  test('by SIGKILL is taken away by the next one, and its engine with it', async () => {
    const into = join(fresh(), 'new');
    stopAfterwards(into, cluster);
    const command = startCold(into);
    const engines = await eventually(() => (enginesAt(into).length > 0 ? enginesAt(into) : null), 'the engine');
    for (const pid of engines) process.kill(pid, 'SIGSTOP');
    command.process.kill('SIGKILL');
    await command.ended;
    for (const pid of engines) process.kill(pid, 'SIGCONT');
    const { exit, json, err } = await cold(into, '--to-time', moment);
    expect(err).toContain('removing what an interrupted restore left');
    expect({ exit, verdict: json.proof?.verdict }).toEqual({ exit: 0, verdict: 'proven' });
    expect(enginesAt(into)).toEqual([]);
    expect(await askRestored(into, names('step'))).toEqual([{ names: 'before the backup, before the moment' }]);
  });

  test('is taken away too where the killed command stays a zombie', async () => {
    const into = join(fresh(), 'new');
    stopAfterwards(into, cluster);
    const parent = startUnreaped(['backup', 'restore', 'shop', '--into', into, '--cold', '--file', policyFile, '--to-time', moment]);
    try {
      const engines = await eventually(() => (enginesAt(into).length > 0 ? enginesAt(into) : null), 'the engine');
      for (const pid of engines) process.kill(pid, 'SIGSTOP');
      const pid = processOfOwner(readCloneFile(into)?.owner ?? '') ?? 0;
      process.kill(pid, 'SIGKILL');
      await eventually(() => !isAlive(pid), 'its end');
      expect(process.kill(pid, 0)).toBe(true);
      const { exit, json, err } = await cold(into, '--to-time', moment);
      expect(err).toContain('removing what an interrupted restore left');
      expect({ exit, verdict: json.proof?.verdict }).toEqual({ exit: 0, verdict: 'proven' });
      expect(enginesAt(into)).toEqual([]);
    } finally {
      parent.kill('SIGKILL');
    }
  });
});

describe('on an empty machine', { timeout: 90_000 }, () => {
  test('the policy file and the repository are enough: the configuration is made, the proof kept unsigned', async () => {
    const machine = fresh();
    const key = join(machine, 'cipher.key');
    writeFileSync(key, /cipher-pass=(.*)/.exec(readFileSync(cluster.configFile, 'utf8'))?.[1] ?? '', { mode: 0o600 });
    const repository = { kind: 'posix', id: 1, path: cluster.repositoryPath, cipher_pass: `file:${key}` };
    const policy = edited((shop) => ({ ...shop, pgbackrest: { stanza: 'shop', repositories: [repository] }, evidence: join(machine, 'evidence') }), 'env:NONE');
    const file = join(machine, 'assay.yaml');
    writeFileSync(file, policy);
    const into = join(machine, 'shop');
    stopAfterwards(into, cluster);
    const { exit, json, err } = await assay(['backup', 'restore', 'shop', '--to-time', moment, '--into', into, '--cold', '--file', file]);
    expect({ exit, verdict: json.proof?.verdict, level: json.proof?.level }).toEqual({ exit: 0, verdict: 'proven', level: 'structure' });
    expect(err).toContain('unsigned');
    expect(lstatSync(join(machine, 'pgbackrest-shop.conf')).mode & 0o777).toBe(0o600);
    expect(await askRestored(into, names('step'))).toEqual([{ names: 'before the backup, before the moment' }]);
  });

  test('a hole in the WAL before the target is refused, and named', async () => {
    const machine = fresh();
    const repository = join(machine, 'repo');
    execFileSync('cp', ['-a', cluster.repositoryPath, repository]);
    const config = join(machine, 'pgbackrest.conf');
    execFileSync('cp', ['-a', cluster.configFile, config]);
    writeFileSync(config, readFileSync(config, 'utf8').replaceAll(cluster.repositoryPath, repository));
    const wal = filesBelow(repository, /\/archive\/.*[0-9A-F]{24}-[0-9a-f]{40}/).map((path) => ({ path, name: /([0-9A-F]{24})-/.exec(path)?.[1] ?? '' }));
    const victim = wal.filter(({ name }) => name > backup.stopSegment).sort((a, b) => (a.name < b.name ? -1 : 1))[0];
    rmSync(victim?.path ?? '');
    const file = join(machine, 'assay.yaml');
    writeFileSync(
      file,
      edited((shop) => ({ ...shop, pgbackrest: { stanza: 'shop', config } })),
    );
    const { exit, json } = await assay(['backup', 'restore', 'shop', '--to-time', moment, '--into', join(machine, 'never'), '--cold', '--file', file]);
    expect({ exit, code: json.error.code }).toEqual({ exit: 5, code: 'target-unreachable' });
    expect(json.error.hint).toContain('nearest reachable: before: ');
    expect(existsSync(join(machine, 'never'))).toBe(false);
  });
});

const until = (ms: number) => eventually(() => Date.now() > ms, 'the clock');

/** The policy file with its one cluster changed. */
function edited(change: (shop: Record<string, unknown>) => object, signingKey?: string): string {
  const policy = parse(readFileSync(policyFile, 'utf8')) as { signing_key: string; clusters: { shop: Record<string, unknown> } }; // as policyText wrote it
  return stringify({ ...policy, signing_key: signingKey ?? policy.signing_key, clusters: { shop: change(policy.clusters.shop) } });
}

/** An empty folder that goes with the cluster's own. */
function fresh(): string {
  const folder = mkdtempSync(join(cluster.directory, 'r-'));
  execFileSync('chown', ['--reference', cluster.configFile, folder]);
  stopAfterwards(folder, cluster);
  return folder;
}

const startCold = (into: string, ...target: readonly string[]) =>
  startAssay(['backup', 'restore', 'shop', ...(target.length === 0 ? ['--to-time', moment] : target), '--into', into, '--cold', '--file', policyFile]);

const cold = (into: string, ...target: readonly string[]) => startCold(into, ...target).ended;
