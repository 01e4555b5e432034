/** An S3 endpoint that is killed in the middle: a backup waits for it and ends well, a proof that waited in vain is inconclusive. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { cloneFoldersIn } from '../../activities/backup/clone/layout.ts';
import { pgbackrest } from '../../activities/backup/engines/pgbackrest.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { createEngineConfiguration } from '../../workers/commands/plan-engine-configuration.ts';
import { readSecret } from '../../workers/config.ts';
import { type EmbeddedFleet, startEmbeddedFleet } from '../../workers/embedded/embedded-fleet.ts';
import { fillTable, startBackup, startProof } from '../support/fleet.ts';
import { describeS3, type S3, startS3 } from '../support/s3.ts';

/** What a user may set too: the bound that Assay sets by itself makes each of these runs four times as long. */
const IO_TIMEOUT_S = 3;

describeS3('an S3 endpoint killed in the middle', { timeout: 400_000 }, () => {
  let s3: S3;
  let fleet: EmbeddedFleet;
  beforeAll(async () => {
    s3 = await startS3();
    fleet = await startEmbeddedFleet({ headless: true, cluster: { repository: s3.repository } });
    const { configFile } = fleet.cluster;
    writeFileSync(configFile, readFileSync(configFile, 'utf8').replace('[global]\n', `[global]\nio-timeout=${IO_TIMEOUT_S}\n`));
    await fillTable(fleet, 400_000);
  }, 180_000);
  afterAll(async () => {
    await fleet?.stop();
  }, 60_000);

  test('of a backup: unreachable within minutes, retried, and proven once the endpoint is back', async () => {
    const run = await startBackup(fleet, { prove: 'structure' });
    const backups = join(s3.bucketDirectory, 'shop/backup/shop');
    await until(() => namesIn(backups).some((name) => /^\d{8}-\d{6}F$/.test(name) && namesIn(join(backups, name)).length > 0));
    await s3.signal('SIGKILL');
    const died = Date.now();
    // the engine's bound, and not as long again for helpers that still try
    await until(async () => (await failures()).includes('step="takeBackup",code="repository-unreachable"'));
    console.info(`failed attempt after ${Math.round((Date.now() - died) / 1000)} s`);
    expect(Date.now() - died).toBeLessThan(100_000);
    await s3.start();
    const { backup, proof } = await run.result();
    expect(proof).toMatchObject({ verdict: 'proven', level: 'structure', backup: backup.label });
  });

  test('of a proof: inconclusive, repository-unreachable, and the clone is gone', async () => {
    const { directory } = fleet.policy().clone;
    const proof = await startProof(fleet, { level: 'structure' });
    await until(() => cloneFoldersIn(directory).some((clone) => namesIn(join(clone.directory, 'data/base')).length > 0));
    await s3.signal('SIGKILL');
    const died = Date.now();
    expect(await proof.result()).toMatchObject({ verdict: 'inconclusive', cause: 'repository-unreachable' });
    console.info(`verdict after ${Math.round((Date.now() - died) / 1000)} s`);
    expect(Date.now() - died).toBeLessThan(120_000);
    expect(namesIn(directory)).toEqual([]);
    await s3.start();
    expect(await (await startProof(fleet, { level: 'structure' })).result()).toMatchObject({ verdict: 'proven' });
  });

  test('of the replay of a proof, when all files are back: inconclusive, repository-unreachable, and the clone is gone', async () => {
    const { directory } = fleet.policy().clone;
    await (await startBackup(fleet, { prove: 'none' })).result();
    // WAL to fetch for a while: each segment is a request of its own
    await fleet.cluster.sql('create table if not exists wal_maker (n int)');
    for (let segment = 0; segment < 60; segment += 1) await fleet.cluster.sql('insert into wal_maker values (1); select pg_switch_wal()');
    const proof = await startProof(fleet, { level: 'structure' });
    await until(() => fetchedSegments(directory) >= 3);
    await s3.signal('SIGKILL');
    const died = Date.now();
    expect(await proof.result()).toMatchObject({ verdict: 'inconclusive', cause: 'repository-unreachable' });
    console.info(`verdict after ${Math.round((Date.now() - died) / 1000)} s`);
    expect(Date.now() - died).toBeLessThan(180_000);
    expect(namesIn(directory)).toEqual([]);
    await s3.start();
    expect(await (await startProof(fleet, { level: 'structure' })).result()).toMatchObject({ verdict: 'proven' });
  });

  test('of `assay apply`: says within seconds what it waits for, gives up within a minute, names the endpoint, leaves no file', async () => {
    vi.stubEnv('ASSAY_TEST_KEY', 'k');
    const { kind, endpoint, port, bucket } = s3.repository;
    const key = 'env:ASSAY_TEST_KEY';
    const place = { kind, id: 1, path: '/p', bucket, endpoint, port, region: 'us-east-1', uriStyle: 'path', verifyTls: false } as const;
    const { engine, ...policy } = fleet.policy();
    const config = join(fleet.cluster.directory, 'dead.conf');
    const repositories = [{ ...place, key, keySecret: key, cipherPass: null }] as const;
    const dead: ClusterPolicy = { ...policy, engine: { ...engine, ownership: 'managed', config, repositories } };
    const io = { signal: new AbortController().signal, beat: () => {}, previous: undefined };
    for (const fault of ['SIGSTOP', 'SIGKILL'] as const) {
      await s3.signal(fault);
      const began = Date.now();
      const said: number[] = [];
      const tell = (line: string) => said.push(line.includes(`https://${endpoint}:${port}`) ? Date.now() - began : Number.NaN);
      const configuration = createEngineConfiguration({ readSecret, engineFor: (each) => pgbackrest(each, { observe: () => {} }), io, tell });
      await expect(configuration.write(dead, await configuration.desired(dead))).rejects.toMatchObject({
        code: 'repository-unreachable',
        message: expect.stringContaining(`https://${endpoint}:${port} (bucket ${bucket})`),
      });
      const tookMs = Date.now() - began;
      console.info(`${fault}: gave up after ${Math.round(tookMs / 1000)} s`);
      expect(said[0]).toBeLessThan(4_000);
      expect(tookMs).toBeLessThan(60_000);
      expect([config, `${config}.draft`].filter((file) => existsSync(file))).toEqual([]);
      if (fault === 'SIGSTOP') await s3.signal('SIGCONT');
    }
    await s3.start();
    vi.unstubAllEnvs();
  });

  const failures = async () => {
    const text = await (await fetch(fleet.worker?.metricsUrl ?? '')).text();
    return text
      .split('\n')
      .filter((line) => line.startsWith('assay_fleet_step_failures_total'))
      .join('\n');
  };
});

/** Archive-get is asked for a segment at a time: those it was already asked for, while a clone is there. */
const seen = new Set<string>();
function fetchedSegments(clones: string): number {
  const lines = execFileSync('ps', ['-A', '-ww', '-o', 'args='], { encoding: 'utf8' }).split('\n');
  for (const line of lines) {
    const segment = line.includes(clones) ? / archive-get ([0-9A-F]{24}) /.exec(line)?.[1] : undefined;
    if (segment !== undefined) seen.add(segment);
  }
  return seen.size;
}

const namesIn = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : []);

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(5);
}
