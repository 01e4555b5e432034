import { beforeAll, expect, test } from 'vitest';
import type { BackupRecord } from '../../domain/backup/model.ts';
import { restorableWindow } from '../../domain/backup/window.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { engineOf, nextSegment, restoreFolders, testIo } from '../support/engine.ts';
import { describeS3, type S3, startS3 } from '../support/s3.ts';

describeS3('a repository on S3', { timeout: 180_000 }, () => {
  let s3: S3;
  let cluster: EmbeddedCluster;
  let backup: BackupRecord;
  beforeAll(async () => {
    s3 = await startS3();
    cluster = await testCluster({ name: 'shop', repository: s3.repository });
    backup = (await engineOf(cluster).backup({ type: 'full', requestKey: 'first', repository: 1 }, testIo())).backup;
    await nextSegment(cluster);
    await nextSegment(cluster);
  }, 180_000);

  test('is listed, compared and read as one on a disk', async () => {
    const engine = engineOf(cluster);
    const segments = await engine.archive(1);
    const info = await engine.info(1);
    expect(info).toMatchObject({ encrypted: true, backups: [{ label: backup.label }] });
    expect(restorableWindow({ backups: info.backups, segments, segmentBytes: 16 * 1024 * 1024, source: null })).toMatchObject({ gaps: [], broken: [] });
    expect(await engine.manifestCopies(1, backup.label)).toMatchObject({ state: 'equal' });
    expect(await engine.damagedSegments(1, segments, testIo())).toEqual([]);
  });

  test('asked for twice is one backup there too', async () => {
    const again = await engineOf(cluster).backup({ type: 'full', requestKey: 'first', repository: 1 }, testIo());
    expect(again).toMatchObject({ adopted: true, backup: { label: backup.label } });
  });

  test('restores', async () => {
    const { root, ...folders } = restoreFolders(cluster);
    const target = { kind: 'lsn', lsn: backup.stopLsn, exclusive: true } as const;
    const { bytes } = await engineOf(cluster).restore({ label: backup.label, repository: 1, target, action: 'pause', ...folders }, testIo());
    expect(bytes).toBe(backup.databaseBytes);
  });

  test('frees WAL with its backups', async () => {
    const newer = await engineOf(cluster).backup({ type: 'full', requestKey: 'second', repository: 1 }, testIo());
    const expired = await engineOf(cluster).expire(1, [backup.label], false, testIo());
    expect(expired.removed).toEqual([backup.label]);
    expect(expired.walAfter).toBeLessThan(expired.walBefore);
    const [first] = await engineOf(cluster).archive(1);
    expect(first?.name).toBe(newer.backup.startSegment);
  });
});
