/** WhatIf by HypoPG over several lab sessions; each plans for itself, since hypothetical indexes are a session's own. */
import type pg from 'pg';
import type { Discount } from '../../../domain/optimizer/accuracy.ts';
import { missingDescentCost } from '../../../domain/optimizer/descent-cost.ts';
import { type IndexSize, indexSize, type SizeHints } from '../../../domain/optimizer/index-size.ts';
import { indexText, keyText, quoteRelation } from '../../../domain/optimizer/index-sql.ts';
import type { Bound, IndexDefinition, TableFacts } from '../../../domain/optimizer/model.ts';
import { indexesIn, type PlanNode } from '../../../domain/optimizer/plan-runs.ts';
import type { Planned } from '../../../domain/optimizer/search-costs.ts';
import { parserReady } from '../bind/tree.ts';
import { type Shown, waysToShow } from './first-table.ts';
import { type HypoSession, openHypoSession } from './hypopg-session.ts';
import { learnedCosts } from './learned.ts';
import { openLoopCosts, type SizedIndex } from './loops.ts';
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

/** Sizes asked for in one go. */
const AT_ONCE = 64;
/** Methods HypoPG can show the planner. */
const KNOWN_METHODS = new Set(['btree', 'hash', 'brin']);

export async function openHypoPg({ sessions, facts, mode = 'corrected', discount = () => 1 }: HypoPgOptions): Promise<WhatIf> {
  await parserReady();
  const opened: HypoSession[] = [];
  // one after the other: two at once would both make the extension
  for (const client of sessions) opened.push(await openHypoSession(client));
  const pool = sessionPool(opened);
  const sizeOf = sizesBy({ pool, facts, mode, client: sessions[0] });
  const learned = learnedCosts(discount);
  const loops = mode === 'raw' || sessions[0] === undefined ? null : await openLoopCosts(sessions[0], facts);
  let explains = 0;
  const looksAt = ({ bound, indexes }: Shown) =>
    pool.use(indexes, async (session) => {
      const looks: Look[] = [];
      for (const [place, binding] of bound.bindings.entries()) {
        const root = await session.explain(indexes, bound, binding);
        explains += 1;
        looks.push({ place, root, named: namedIn(root, session) });
      }
      return looks;
    });
  const ways = waysToShow(facts);
  const planned = async (bound: Bound, shown: Shown): Promise<Planned> => {
    const used = new Set<string>();
    let cost = 0;
    for (const { place, root, named } of await looksAt(shown)) {
      const trees = new Map<string, SizedIndex & IndexSize>();
      for (const [name, index] of named) {
        used.add(indexText(index));
        const size = loops === null || index.method !== 'btree' ? null : await sizeOf(index);
        if (size !== null) trees.set(name, { index, ...size });
      }
      const missing = loops === null ? 0 : missingDescentCost(root, (name) => trees.get(name)?.height ?? null) + loops.missing(root, trees);
      const priced = { plan: root, cost: root['Total Cost'] + missing };
      if (shown.indexes.length === 0) learned.noteBase(bound, place, priced);
      cost += learned.costOf(bound, place, priced) / bound.bindings.length;
    }
    return { cost, used: [...used] };
  };
  const plan = async (bound: Bound, indexes: readonly IndexDefinition[]) => {
    const { whole, others } = ways(bound, indexes);
    const found: Planned[] = [];
    // another order of the same tables may not be to PostgreSQL's taste: then those indexes cannot be judged
    for (const way of others)
      await planned(bound, way).then(
        (each) => found.push(each),
        () => {},
      );
    // with more indexes there no plan costs more
    if (found.length === 0 || others.length > 1) found.push(await planned(bound, whole));
    return found.reduce((best, each) => (each.cost < best.cost ? each : best));
  };
  return {
    plan,
    size: async (index) => (await sizeOf(index))?.bytes ?? null,
    explains: () => explains,
    close: () => pool.all((session) => session.clear()),
  };
}

interface Sizing {
  readonly pool: SessionPool;
  readonly facts: readonly TableFacts[];
  readonly mode: WhatIfMode;
  /** For the hints. */
  readonly client: pg.Client | undefined;
}

/** Each definition is sized once; null where it cannot be judged. */
function sizesBy({ pool, facts, mode, client }: Sizing): (index: IndexDefinition) => Promise<IndexSize | null> {
  const tables = new Map(facts.map((table) => [quoteRelation(table.table), table]));
  const sizes = new Map<string, Promise<IndexSize | null>>();
  const hints = new Map<string, Promise<SizeHints>>();
  // one hint after the other: two at once would both make the sample of a table
  let hinting: Promise<unknown> = Promise.resolve();
  const rawSizeOf = inBatches((indexes: readonly IndexDefinition[]) => pool.use([], (session) => session.sizes(indexes)));
  const hintsOf = (index: IndexDefinition, table: TableFacts): Promise<SizeHints> => {
    // neither the order of keys nor what is included changes how many there are of each, or how many rows a condition holds
    const key = JSON.stringify([quoteRelation(index.table), index.method, index.keys.map(keyText).toSorted(), index.predicate]);
    const known = hints.get(key);
    if (known !== undefined) return known;
    const asked = hinting.then(() => sizeHints(client as pg.Client, index, table));
    hinting = asked;
    hints.set(key, asked);
    return asked;
  };
  const measure = async (index: IndexDefinition): Promise<IndexSize | null> => {
    const table = tables.get(quoteRelation(index.table));
    if (table === undefined || client === undefined || !KNOWN_METHODS.has(index.method)) return null;
    const raw = await rawSizeOf(index);
    if (raw === null) return null;
    return mode === 'raw' ? { bytes: raw, height: 0 } : indexSize(index, table, await hintsOf(index, table));
  };
  return (index) => {
    const text = indexText(index);
    const known = sizes.get(text) ?? measure(index);
    sizes.set(text, known);
    return known;
  };
}

interface Look {
  readonly place: number;
  readonly root: PlanNode;
  /** Hypothetical indexes in it, by their names there. */
  readonly named: ReadonlyMap<string, IndexDefinition>;
}

function namedIn(root: PlanNode, session: HypoSession): Map<string, IndexDefinition> {
  const found = [...indexesIn(root)].map((name) => [name, session.byName(name)] as const);
  return new Map(found.flatMap(([name, index]) => (index === undefined ? [] : [[name, index] as const])));
}

/** Questions that come at once are asked together. */
function inBatches<T, R>(ask: (questions: readonly T[]) => Promise<readonly R[]>): (question: T) => Promise<R> {
  let waiting: T[] = [];
  let answers: Promise<readonly R[]> = Promise.resolve([]);
  return async (question) => {
    if (waiting.length === 0 || waiting.length >= AT_ONCE) {
      const batch: T[] = [];
      waiting = batch;
      answers = Promise.resolve().then(() => {
        if (waiting === batch) waiting = [];
        return ask(batch);
      });
    }
    const place = waiting.push(question) - 1;
    return (await answers)[place] as R;
  };
}

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
