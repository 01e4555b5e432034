/** Sets worth building, by what-if planning on one session of a lab. */
import type pg from 'pg';
import type { IndexDefinition } from '../../domain/optimizer/model.ts';
import { readTableFacts } from './catalogue.ts';
import { buildable } from './lab/buildable.ts';
import type { SearchSets } from './ports.ts';
import { searchIndexes } from './search-indexes.ts';
import { openHypoPg } from './what-if/hypopg.ts';

/** Progress is told once in so many EXPLAINs. */
const BEAT_EVERY = 200;

/** Needs hypopg on the lab's server. A step that is cancelled ends at the next plan. */
export const searchSets: SearchSets = async (client: pg.Client, { bound, limits, io, discount }) => {
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
    return { sets, wider, explains };
  } finally {
    await whatIf.close().catch(() => {});
  }
};
