/** A server of its own with TPC-H's tables, primary keys only, and a session on it. */
import { existsSync } from 'node:fs';
import pg from 'pg';
import { AssayError } from '../../domain/errors.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import type { Bench, Figure } from '../benchmark.ts';
import { GOAL_GIGABYTES } from '../options.ts';
import { generateTpch, loadTpch } from './tpch.ts';

/** Planner as in the raw comparison, where the peers' sets come out as published; no parallel workers and no JIT: both add noise on a shared machine. */
export const SERVER = {
  archive_mode: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  fsync: 'off',
  autovacuum: 'off',
  max_wal_size: '8GB',
  maintenance_work_mem: '256MB',
  shared_buffers: '512MB',
  work_mem: '32MB',
  random_page_cost: '1.1',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
};

export interface TpchServer {
  readonly bench: Bench;
  readonly client: pg.Client;
  /** With queries and peers. */
  readonly folder: string;
  readonly scale: number;
}

/** Gone afterwards whatever happens. Throws usage where the folder is missing. */
export async function onTpch(bench: Bench, use: (server: TpchServer) => Promise<readonly Figure[]>): Promise<readonly Figure[]> {
  const folder = bench.options.tpch ?? new URL('../../../shared/tpch', import.meta.url).pathname;
  if (!existsSync(folder))
    throw new AssayError('usage', { reason: `no folder ${folder}`, hint: 'name one with schema.sql, keys.sql, queries and peers: --tpch' });
  const scale = bench.options.gigabytes / GOAL_GIGABYTES;
  const data = bench.options.tpchData === null ? await generateTpch(scale) : { folder: bench.options.tpchData, drop: () => {} };
  try {
    return await bench.cluster({ name: 'tpch', stanzaCreate: false, settings: SERVER }, async (cluster) => {
      await loadTpch(cluster, folder, data.folder);
      data.drop();
      bench.tell(`TPC-H of scale ${scale} is loaded, primary keys only`);
      const client = await connected(cluster);
      try {
        return await use({ bench, client, folder, scale });
      } finally {
        await client.end().catch(() => {});
      }
    });
  } finally {
    data.drop();
  }
}

async function connected(cluster: EmbeddedCluster): Promise<pg.Client> {
  const client = new pg.Client({ host: cluster.socketDirectory, port: cluster.port, user: 'postgres', database: 'postgres' });
  client.on('error', () => {});
  await client.connect();
  await client.query('set plan_cache_mode = force_custom_plan');
  return client;
}
