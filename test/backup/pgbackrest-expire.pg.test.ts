import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { BackupRecord, BackupType } from '../../domain/backup/model.ts';
import { restorableWindow } from '../../domain/backup/window.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { engineOf, nextSegment, restoreFolders, testIo } from '../support/engine.ts';

let cluster: EmbeddedCluster;
const made: BackupRecord[] = [];

/** A full one, an incremental on it, two more full ones; WAL between them. The tests take one after the other away. */
beforeAll(async () => {
  cluster = await testCluster({ name: 'shop' });
  for (const [index, type] of (['full', 'incremental', 'full', 'full'] satisfies BackupType[]).entries()) {
    made.push((await engineOf(cluster).backup({ type, requestKey: `expire-${index}`, repository: 1 }, testIo())).backup);
    await nextSegment(cluster);
    await nextSegment(cluster);
  }
}, 180_000);

const label = (index: number) => (made[index] as BackupRecord).label;
const labels = async () => (await engineOf(cluster).info(1)).backups.map((backup) => backup.label);
const segments = async () => (await engineOf(cluster).archive(1)).map((segment) => segment.name);
const from = (names: readonly string[], index: number) => names.filter((name) => name >= (made[index] as BackupRecord).startSegment);

async function window() {
  const [info, archive] = [await engineOf(cluster).info(1), await engineOf(cluster).archive(1)];
  return restorableWindow({ backups: info.backups, segments: archive, segmentBytes: 16 * 1024 * 1024, source: null });
}

describe('expiry', { timeout: 120_000 }, () => {
  test('refuses to orphan a backup that builds on a chosen one', async () => {
    const failure = engineOf(cluster).expire(1, [label(0)], false, testIo());
    await expect(failure).rejects.toMatchObject({ code: 'refused-by-guard', message: expect.stringContaining(label(1)) });
    expect(await labels()).toHaveLength(4);
  });

  test('takes an incremental alone; the retention of the configuration removes neither more backups nor WAL', async () => {
    appendFileSync(cluster.configFile, '\n[global:expire]\nrepo1-retention-full=1\nrepo1-retention-archive=1\nrepo1-retention-diff=1\n');
    const before = await segments();
    await engineOf(cluster).expire(1, [label(1)], false, testIo());
    expect(await labels()).toEqual([label(0), label(2), label(3)]);
    expect(await segments()).toEqual(from(before, 0));
  });

  test('takes a full backup from the middle; WAL that the older one needs to roll forward stays', async () => {
    const before = await segments();
    await engineOf(cluster).expire(1, [label(2)], false, testIo());
    expect(await labels()).toEqual([label(0), label(3)]);
    expect(await segments()).toEqual(from(before, 0));
    expect(await window()).toMatchObject({ gaps: [], intervals: [{ backups: [label(0), label(3)] }] });
  });

  test('counts a full backup that no list shows: the oldest one keeps its WAL', async () => {
    const catalogue = ['backup.info', 'backup.info.copy'].map((name) => join(cluster.repositoryPath, 'backup/shop', name));
    const old = catalogue.map((file) => readFileSync(file));
    const { backup } = await engineOf(cluster).backup({ type: 'full', requestKey: 'unlisted', repository: 1 }, testIo());
    for (const [index, file] of catalogue.entries()) writeFileSync(file, old[index] as Buffer);
    const before = await segments();
    await engineOf(cluster).expire(1, [], false, testIo());
    expect(await labels()).toEqual([label(0), label(3), backup.label]);
    expect(await segments()).toEqual(from(before, 0));
    await engineOf(cluster).expire(1, [backup.label], false, testIo());
  });

  test('as a rehearsal changes nothing and foretells what comes', async () => {
    const before = await segments();
    const dry = await engineOf(cluster).expire(1, [label(0)], true, testIo());
    expect(await labels()).toEqual([label(0), label(3)]);
    expect(await segments()).toEqual(before);
    expect(await engineOf(cluster).expire(1, [label(0)], false, testIo())).toEqual(dry);
    expect(dry.walAfter).toBeLessThan(dry.walBefore);
    // the WAL before the oldest one left is gone, and nothing else
    expect(await segments()).toEqual(from(before, 3));
  });

  test('leaves what stays restorable, and nothing of what went', async () => {
    expect(readdirSync(join(cluster.repositoryPath, 'backup/shop')).filter((name) => /^\d/.test(name))).toEqual([label(3)]);
    expect(await window()).toMatchObject({ gaps: [], broken: [], intervals: [{ backups: [label(3)] }] });
    const { root, ...folders } = restoreFolders(cluster);
    const target = { kind: 'lsn', lsn: (made[3] as BackupRecord).stopLsn, exclusive: true } as const;
    await engineOf(cluster).restore({ label: label(3), repository: 1, target, action: 'pause', ...folders }, testIo());
  });

  test('a second time changes nothing', async () => {
    const before = await segments();
    const again = await engineOf(cluster).expire(1, [label(0), label(1)], false, testIo());
    expect(again).toEqual({ removed: [], walBefore: before.length, walAfter: before.length });
  });

  test('of the last full backup is refused', async () => {
    await expect(engineOf(cluster).expire(1, [label(3)], false, testIo())).rejects.toMatchObject({ code: 'refused-by-guard' });
  });
});
