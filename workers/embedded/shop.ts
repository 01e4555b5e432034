/** A shop's data in two databases, `shop` and `ledger`: the same rows for the same scale and seed, but for their times. */
import pg from 'pg';
import { ledgerRows, type ShopSize, shopRows, sizeAt } from './shop-rows.ts';
import { ledgerKeys, ledgerTables, partitions, shopKeys, shopTables } from './shop-schema.ts';

/** A server reached by its socket folder (or host) as superuser; an EmbeddedCluster is one. */
export interface ShopServer {
  readonly socketDirectory: string;
  readonly port: number;
}

export interface ShopOptions {
  /** 1 is about 300 MB, 0.01 about 5 MB; default 1. */
  readonly scale?: number;
  /** -1 to 1, as setseed takes it; default 0.42. */
  readonly seed?: number;
  /** Told after each statement: 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

export interface Shop {
  readonly databases: readonly ['shop', 'ledger'];
  readonly size: ShopSize;
  /** Of both databases on disk. */
  readonly bytes: number;
  readonly tookMs: number;
}

/** Makes both databases at the same time, each over one session; analysed at the end. Fails where one of them exists. */
export async function createShop(server: ShopServer, options: ShopOptions = {}): Promise<Shop> {
  const began = performance.now();
  const size = sizeAt(options.scale ?? 1);
  const plans = {
    shop: [...shopTables, partitions, ...shopRows(size), ...shopKeys, 'analyze'],
    ledger: [...ledgerTables, ...ledgerRows(size), ...ledgerKeys, 'analyze'],
  };
  const total = plans.shop.length + plans.ledger.length;
  let done = 0;
  const step = () => options.onProgress?.(++done / total);
  await inDatabase(server, 'postgres', async (client) => {
    for (const name of Object.keys(plans)) await client.query(`create database ${name}`);
  });
  const fill = (name: 'shop' | 'ledger') =>
    inDatabase(server, name, async (client) => {
      await client.query(`select setseed($1)`, [options.seed ?? 0.42]);
      await client.query('set maintenance_work_mem = 65536');
      for (const statement of plans[name]) {
        await client.query(statement);
        step();
      }
    });
  await Promise.all([fill('shop'), fill('ledger')]);
  const bytes = await inDatabase(server, 'postgres', async (client) => {
    const { rows } = await client.query(`select (pg_database_size('shop') + pg_database_size('ledger'))::float8 as bytes`);
    return rows[0].bytes as number;
  });
  return { databases: ['shop', 'ledger'], size, bytes, tookMs: performance.now() - began };
}

/** Opens a session as superuser, uses it, always ends it. */
export async function inDatabase<T>(server: ShopServer, database: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ host: server.socketDirectory, port: server.port, user: 'postgres', database, application_name: 'shop' });
  client.on('error', () => {});
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => {});
  }
}
