/** A migration that can be undone: a restore point first, a proven backup after. `node ops/client/example.ts shop`. */
import { connectAssay } from './connect.ts';

const cluster = process.argv[2] ?? 'shop';
const assay = await connectAssay({ address: process.env.ASSAY_TEMPORAL_ADDRESS ?? '127.0.0.1:7233' });
try {
  // waits until the WAL that holds the point lies in the repository: from here on there is a way back
  const point = await assay.backup.restorePoint(cluster, `before-migration-${Date.now()}`);
  console.log(`restore point ${point.name} at ${point.lsn}, archived ${point.archivedAt}`);

  // … migrate …

  // the key makes it one backup, however often this program is started again
  const { backup, proof } = await assay.backup.run({ cluster, type: 'incremental', prove: 'content', requestKey: `after-${point.name}` });
  console.log(`${backup.label}: ${proof?.verdict} (${proof?.because[0]}), certificate ${proof?.certificate.html}`);
  process.exitCode = proof?.verdict === 'proven' ? 0 : 1;
} finally {
  await assay.close();
}
