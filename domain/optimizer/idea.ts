/** Is a recommendation one that was made before, and is what speaks for it the same? Pure. */
import { kindOf, type Recommendation, type RecommendedIndex } from './recommendation.ts';
import type { Interval } from './statistics.ts';

type Idea = Pick<Recommendation, 'indexes'>;

/** The SQL of its changes, in no order. */
export const sqlOf = ({ indexes }: Idea): readonly string[] => indexes.map(wholeSql).toSorted();

/** The same setting for another statement is another idea. */
const wholeSql = (change: RecommendedIndex): string => (change.kind === 'setting' ? `${change.sql} -- statement ${change.advice.statement}` : change.sql);

export function sameIdea(a: Idea, b: Idea): boolean {
  const [left, right] = [sqlOf(a), sqlOf(b)];
  return left.length === right.length && left.every((sql, place) => sql === right[place]);
}

/**
 * Every change of the one is an index that begins like one of the other's: same table, same kind, same first key, under whatever name, with whatever
 * comes after it. What production took back in one form it would take back in the other.
 */
export function similarIdea(before: Idea, now: Idea): boolean {
  const begun = new Set(before.indexes.flatMap((change) => beginningOf(change) ?? []));
  return now.indexes.length > 0 && now.indexes.every((change) => begun.has(beginningOf(change) ?? ''));
}

/** null: it makes no index. */
function beginningOf(change: RecommendedIndex): string | null {
  if (change.index === null || kindOf(change) !== 'create-index') return null;
  const { table, method, keys } = change.index;
  const [{ column = null, expression = null } = {}] = keys;
  return JSON.stringify([table.schema, table.relation, method, column, expression]);
}

/** Everything that the older one would change, the newer one changes too. */
export function holdsAllOf(newer: Idea, older: Idea): boolean {
  const changed = new Set(sqlOf(newer));
  return sqlOf(older).every((sql) => changed.has(sql));
}

/** Intervals are of one run's pairs, and those of two runs can miss each other by a millionth. */
const WORTH_ANOTHER_LOOK = 0.05;

/** Another gain, beyond noise and worth another look; or a statement gains now that did not before, or that was not there. */
export function evidenceChanged(before: Pick<Recommendation, 'experiment'>, now: Pick<Recommendation, 'experiment'>): boolean {
  const [old, fresh] = [before.experiment, now.experiment];
  if (isAnother(old.total, fresh.total)) return true;
  const known = new Map(old.statements.map((verdict) => [verdict.statement, verdict]));
  // what is faster in one run and the same in another, by the width of its interval, is the same evidence
  return fresh.statements.some((verdict) => {
    const was = known.get(verdict.statement);
    return verdict.judged === 'faster' && (was === undefined || (was.judged !== 'faster' && isAnother(was, verdict)));
  });
}

const isAnother = (old: Interval, fresh: Interval): boolean =>
  (fresh.high < old.low || fresh.low > old.high) && Math.abs(fresh.ratio - old.ratio) >= WORTH_ANOTHER_LOOK;
