/** WhatIf by HypoPG over several lab sessions; each plans for itself, since hypothetical indexes are a session's own. */
import type pg from 'pg';
import type { Discount } from '../../../domain/optimizer/accuracy.ts';
import { indexesIn, missingDescentCost } from '../../../domain/optimizer/descent-cost.ts';
import { type IndexSize, indexSize } from '../../../domain/optimizer/index-size.ts';
import { indexText, quoteRelation } from '../../../domain/optimizer/index-sql.ts';
import type { Bound, IndexDefinition, TableFacts } from '../../../domain/optimizer/model.ts';
import { type HypoSession, openHypoSession } from './hypopg-session.ts';
import { learnedCosts } from './learned.ts';
import { sizeHints } from './size-hints.ts';
import type { WhatIf, WhatIfMode } from './what-if.ts';

export interface HypoPgOptions {
  /** Idle sessions on the lab as its superuser, at least one; nobody else uses them meanwhile. */
  readonly sessions: readonly pg.Client[];
  readonly facts: readonly TableFacts[];
  /** Default corrected. */
  readonly mode?: WhatIfMode;
  /** Of estimated gains, by the shape of the change; left out: they count whole. */
  readonly discount?: Discount;
}

/** Methods HypoPG can show the planner. */
const KNOWN_METHODS = new Set(['btree', 'hash', 'brin']);

export async function openHypoPg({ sessions, facts, mode = 'corrected', discount = () => 1 }: HypoPgOptions): Promise<WhatIf> {
  const opened: HypoSession[] = [];
  // one after the other: two at once would both make the extension
  for (const client of sessions) opened.push(await openHypoSession(client));
  const pool = sessionPool(opened);
  const tables = new Map(facts.map((table) => [quoteRelation(table.table), table]));
  const sizes = new Map<string, Promise<IndexSize | null>>();
  const [first] = sessions;
  const learned = learnedCosts(discount);
  let explains = 0;
  // one hint after the other: two at once would both make the sample of a table
  let hinting: Promise<unknown> = Promise.resolve();

  const measure = async (index: IndexDefinition): Promise<IndexSize | null> => {
    const table = tables.get(quoteRelation(index.table));
    if (table === undefined || first === undefined || !KNOWN_METHODS.has(index.method)) return null;
    const raw = await pool
      .use([index], async (session) => {
        await session.show([index]);
        return session.size(index);
      })
      .catch(() => null);
    if (raw === null) return null;
    if (mode === 'raw') return { bytes: raw, height: 0 };
    const asked = hinting.then(() => sizeHints(first, index, table));
    hinting = asked;
    return indexSize(index, table, await asked);
  };
  const sizeOf = (index: IndexDefinition) => {
    const text = indexText(index);
    const known = sizes.get(text) ?? measure(index);
    sizes.set(text, known);
    return known;
  };
  const plan = async (bound: Bound, indexes: readonly IndexDefinition[]) => {
    const heights = new Map(await Promise.all(indexes.map(async (index) => [indexText(index), (await sizeOf(index))?.height ?? 0] as const)));
    return pool.use(indexes, async (session) => {
      await session.show(indexes);
      const used = new Set<string>();
      let cost = 0;
      for (const [place, binding] of bound.bindings.entries()) {
        const root = await session.explain(bound, binding);
        explains += 1;
        const nameOf = (name: string) => session.byName(name);
        for (const index of [...indexesIn(root)].flatMap((name) => nameOf(name) ?? [])) used.add(indexText(index));
        const missing = mode === 'raw' ? 0 : missingDescentCost(root, (name) => heightOf(nameOf(name), heights));
        if (indexes.length === 0) learned.noteBase(bound, place, root);
        cost += learned.costOf(bound, place, { plan: root, cost: root['Total Cost'] + missing }) / bound.bindings.length;
      }
      return { cost, used: [...used] };
    });
  };
  return {
    plan,
    size: async (index) => (await sizeOf(index))?.bytes ?? null,
    explains: () => explains,
    close: () => pool.all((session) => session.clear()),
  };
}

const heightOf = (index: IndexDefinition | undefined, heights: ReadonlyMap<string, number>): number | null =>
  index === undefined || index.method !== 'btree' ? null : (heights.get(indexText(index)) ?? 0);

interface SessionPool {
  /** Waits for a free session; the one that already shows most of these indexes. */
  use<T>(indexes: readonly IndexDefinition[], work: (session: HypoSession) => Promise<T>): Promise<T>;
  all(work: (session: HypoSession) => Promise<void>): Promise<void>;
}

function sessionPool(sessions: readonly HypoSession[]): SessionPool {
  const free = [...sessions];
  const waiting: ((session: HypoSession) => void)[] = [];
  const take = (indexes: readonly IndexDefinition[]): Promise<HypoSession> => {
    if (free.length === 0) return new Promise((resolve) => waiting.push(resolve));
    const nearest = free.toSorted((a, b) => a.distance(indexes) - b.distance(indexes))[0] as HypoSession;
    free.splice(free.indexOf(nearest), 1);
    return Promise.resolve(nearest);
  };
  const giveBack = (session: HypoSession) => {
    const next = waiting.shift();
    if (next === undefined) free.push(session);
    else next(session);
  };
  return {
    use: async (indexes, work) => {
      const session = await take(indexes);
      try {
        return await work(session);
      } finally {
        giveBack(session);
      }
    },
    all: async (work) => {
      for (const session of sessions) await work(session);
    },
  };
}
