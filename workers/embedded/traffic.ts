/** Live writes on the shop: orders, changes of customers, page views, bookings, cancellations; like an application, over its own sessions. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { inDatabase, type ShopServer } from './shop.ts';
import { mix, type Write } from './traffic-mix.ts';

export interface TrafficOptions {
  /** Writers at the same time, each with a session in both databases; default 4. */
  readonly writers?: number;
  /** Transactions a second over all writers; default null: as fast as the server allows. */
  readonly perSecond?: number | null;
  /** Told how long each committed transaction took, for measurements of stalls. */
  readonly onCommit?: (tookMs: number, finishedAt: number) => void;
}

export interface TrafficCounts {
  /** Committed and acknowledged. */
  readonly transactions: number;
  readonly inserts: number;
  readonly updates: number;
  readonly deletes: number;
  /** Not acknowledged: may or may not have been committed. Writers connect again and go on. */
  readonly failed: number;
  readonly lastError: string | null;
  readonly tookMs: number;
  /** Committed transactions a second. */
  readonly tps: number;
}

export interface Traffic {
  counts(): TrafficCounts;
  /** Resolves once so many transactions are committed since the start. */
  reached(transactions: number): Promise<void>;
  /** Ends after the transactions in hand. Idempotent. */
  stop(): Promise<TrafficCounts>;
}

const AGAIN_MS = 100;
const CATCH_UP_MS = 500;

/** Starts writing at once; every writer was connected when this resolves. */
export async function startTraffic(server: ShopServer, options: TrafficOptions = {}): Promise<Traffic> {
  const writers = options.writers ?? 4;
  const writes = mix(await limitsOf(server));
  const began = performance.now();
  const sum = { transactions: 0, inserts: 0, updates: 0, deletes: 0, failed: 0, lastError: null as string | null };
  const waiting: { transactions: number; resolve: () => void }[] = [];
  let stopped = false;
  const commit = (write: Write, tookMs: number) => {
    sum.transactions += 1;
    sum[write.counts] += 1;
    options.onCommit?.(tookMs, performance.now());
    for (const one of waiting) if (sum.transactions >= one.transactions) one.resolve();
  };
  const everyMs = options.perSecond ? (writers * 1000) / options.perSecond : 0;
  const writer = async (first: Sessions, index: number) => {
    let sessions: Sessions | null = first;
    let due = performance.now() + (index * everyMs) / writers;
    while (!stopped) {
      const ahead = due - performance.now();
      if (everyMs > 0 && ahead > 0) await sleep(ahead);
      // a short delay is caught up with, a pause of the server is not
      due = Math.max(due + everyMs, performance.now() - CATCH_UP_MS);
      const write = choose(writes);
      try {
        sessions ??= await open(server);
        const from = performance.now();
        await sessions[write.database].query({ name: write.name, text: write.sql, values: write.values() });
        commit(write, performance.now() - from);
      } catch (error) {
        sum.failed += 1;
        sum.lastError = String(error);
        await close(sessions);
        sessions = null;
        await sleep(AGAIN_MS);
      }
    }
    await close(sessions);
  };
  const all = await Promise.all(Array.from({ length: writers }, () => open(server)));
  const running = all.map((sessions, index) => writer(sessions, index));
  let ended: TrafficCounts | undefined;
  const counts = (): TrafficCounts => {
    const tookMs = performance.now() - began;
    return ended ?? { ...sum, tookMs, tps: sum.transactions / (tookMs / 1000) };
  };
  return {
    counts,
    reached: (transactions) => (sum.transactions >= transactions ? Promise.resolve() : new Promise((resolve) => waiting.push({ transactions, resolve }))),
    stop: async () => {
      stopped = true;
      await Promise.all(running);
      ended ??= counts();
      return ended;
    },
  };
}

type Sessions = Readonly<Record<Write['database'], pg.Client>>;

async function open(server: ShopServer): Promise<Sessions> {
  const session = async (database: string) => {
    const client = new pg.Client({ host: server.socketDirectory, port: server.port, user: 'postgres', database, application_name: 'shop-traffic' });
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  const shop = await session('shop');
  try {
    return { shop, ledger: await session('ledger') };
  } catch (error) {
    await shop.end().catch(() => {});
    throw error;
  }
}

async function close(sessions: Sessions | null): Promise<void> {
  if (sessions === null) return;
  await Promise.all(Object.values(sessions).map((client) => client.end().catch(() => {})));
}

async function limitsOf(server: ShopServer) {
  const one = async (database: string, text: string) => (await inDatabase(server, database, (client) => client.query(text))).rows[0];
  const shop = await one(
    'shop',
    `select (select max(id) from customers)::int as customers, (select max(id) from products)::int as products, (select max(id) from orders)::int as orders`,
  );
  const ledger = await one('ledger', 'select max(id)::int as accounts from accounts');
  return { ...shop, ...ledger } as { customers: number; products: number; orders: number; accounts: number };
}

function choose(writes: readonly Write[]): Write {
  let left = Math.random() * writes.reduce((sum, write) => sum + write.weight, 0);
  for (const write of writes) {
    left -= write.weight;
    if (left < 0) return write;
  }
  return writes[0] as Write;
}
