/** An S3 endpoint that is gone before the engine asks, with the bound that Assay sets by itself. */
import { expect, test } from 'vitest';
import { testCluster } from '../support/cluster.ts';
import { engineOf, restoreFolders, testIo } from '../support/engine.ts';
import { describeS3, startS3 } from '../support/s3.ts';

describeS3('a repository on S3', { timeout: 180_000 }, () => {
  test('that died is unreachable within 90 seconds, for a backup and for a restore', async () => {
    const s3 = await startS3();
    const cluster = await testCluster({ name: 'shop', repository: s3.repository });
    const { backup } = await engineOf(cluster).backup({ type: 'full', requestKey: 'first', repository: 1 }, testIo());
    await s3.stop();
    const began = Date.now();
    const { root, ...folders } = restoreFolders(cluster);
    const target = { kind: 'lsn', lsn: backup.stopLsn, exclusive: true } as const;
    const tries = [
      engineOf(cluster).backup({ type: 'full', requestKey: 'second', repository: 1 }, testIo()),
      engineOf(cluster).restore({ label: backup.label, repository: 1, target, action: 'pause', ...folders }, testIo()),
    ];
    for (const one of await Promise.allSettled(tries)) expect(one).toMatchObject({ status: 'rejected', reason: { code: 'repository-unreachable' } });
    expect(Date.now() - began).toBeLessThan(90_000);
  });
});
