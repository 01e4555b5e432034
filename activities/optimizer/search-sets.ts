/** Sets worth building, by what-if planning on one session of a lab. */
import type pg from 'pg';
import { indexText, setText } from '../../domain/optimizer/index-sql.ts';
import type { IndexDefinition } from '../../domain/optimizer/model.ts';
import { readTableFacts } from './catalogue.ts';
import { buildable } from './lab/buildable.ts';
import type { FinalistSet, SearchSets } from './ports.ts';
import { searchIndexes } from './search-indexes.ts';
import { bytesOf, standing } from './standing.ts';
import { openHypoPg } from './what-if/hypopg.ts';
import type { WhatIf } from './what-if/what-if.ts';

/** Progress is told once in so many EXPLAINs. */
const BEAT_EVERY = 200;

/** Needs hypopg on the lab's server. A step that is cancelled ends at the next plan. */
export const searchSets: SearchSets = async (client: pg.Client, { bound, limits, io, discount, earlier = [] }) => {
  const facts = await readTableFacts(client);
  const whatIf = await openHypoPg({ sessions: [client], facts, ...(discount === undefined ? {} : { discount }) });
  const watched = {
    ...whatIf,
    plan: (...asked: Parameters<typeof whatIf.plan>) => {
      io.signal.throwIfAborted();
      if (whatIf.explains() % BEAT_EVERY === 0) io.beat({ explains: whatIf.explains() });
      return whatIf.plan(...asked);
    },
  };
  try {
    const takes = (indexes: readonly IndexDefinition[]) => buildable(client, indexes);
    const { sets, wider, explains } = await searchIndexes({ bound, facts, whatIf: watched, limits, buildable: takes, now: () => Date.now() });
    const stands = await standing(earlier, { bound, facts, whatIf: watched, limits, buildable: takes });
    const together = withStanding(sets, stands);
    return { sets: together, wider: await besides(stands, wider, { sets, whatIf }), explains };
  } finally {
    await whatIf.close().catch(() => {});
  }
};

/** At the end, unless the search found just it. */
function withStanding(sets: readonly FinalistSet[], stands: readonly FinalistSet[]): readonly FinalistSet[] {
  const byText = new Map(stands.map((set) => [setText(set.indexes), set]));
  const own = sets.map((set) => ({ ...set, ...proposedBy(byText.get(setText(set.indexes))) }));
  const there = new Set(sets.map(({ indexes }) => setText(indexes)));
  return [...own, ...stands.filter(({ indexes }) => !there.has(setText(indexes)))];
}

const proposedBy = (set: FinalistSet | undefined): Pick<FinalistSet, 'proposedBy'> => (set?.proposedBy === undefined ? {} : { proposedBy: set.proposedBy });

/** The lab has no more room than before: what only a larger budget would buy gives way, the largest first. */
async function besides(stands: readonly FinalistSet[], wider: readonly IndexDefinition[], { sets, whatIf }: Beside): Promise<readonly IndexDefinition[]> {
  const there = new Set([...sets.flatMap(({ indexes }) => indexes), ...wider].map(indexText));
  const more = stands.flatMap(({ indexes }) => indexes.filter((index) => !there.has(indexText(index))));
  let bytes = await bytesOf(more, whatIf);
  const left = [...wider];
  while (bytes > 0 && left.length > 0) bytes -= (await whatIf.size(left.pop() as IndexDefinition)) ?? 0; // there is one
  return left;
}

interface Beside {
  readonly sets: readonly FinalistSet[];
  readonly whatIf: Pick<WhatIf, 'size'>;
}
