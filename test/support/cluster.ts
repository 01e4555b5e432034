/** Embedded clusters of a test file, gone when the file ends. */
import { afterAll } from 'vitest';
import { type ClusterOptions, createCluster, type EmbeddedCluster } from '../../workers/embedded/cluster.ts';

/** A cluster for this file; call it in `beforeAll` or in a test. Destroyed after the file, whatever happened. */
export async function testCluster(options: ClusterOptions = {}): Promise<EmbeddedCluster> {
  const cluster = await createCluster(options);
  made.push(cluster);
  return cluster;
}

const made: EmbeddedCluster[] = [];

afterAll(async () => {
  await Promise.all(made.splice(0).map((cluster) => cluster.destroy()));
});
