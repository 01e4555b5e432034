/** Other texts of a SELECT: a statement by itself, or what an INSERT puts into a table. */
import type { SelectStmt } from 'libpg-query';
import type pg from 'pg';
import type { RelationName } from '../../../domain/optimizer/model.ts';
import type { Unit } from '../lab/execute.ts';
import { candidate, type RewriteCandidate, restingOn, type Spoken } from './applied.ts';
import type { Candidates } from './candidates.ts';
import { determined } from './determined.ts';
import { type Known, knownOf, type LeftAlone } from './known.ts';
import { textOf } from './query-text.ts';
import { sortKeys, totalOrder } from './total-order.ts';
import { type Expanded, withoutViews } from './views.ts';
import { nodesOf } from './walk.ts';

export interface Asked {
  readonly query: SelectStmt;
  /** At least one: what in its plan speaks for a rule. */
  readonly spoken: readonly Spoken[];
}

/** As all who send it mean its names. null: no rule makes anything of it. */
export async function readsOf(client: pg.Client, units: readonly [Unit, ...Unit[]], { query, spoken }: Asked): Promise<Candidates | LeftAlone | null> {
  const [unit] = units;
  const text = textOf(query);
  const other = writesWord(query);
  if (text === null || other !== null) return { because: other ?? 'it has a form that cannot be written back' };
  const bindings = units.map(({ binding }) => binding);
  const expanded = await withoutViews(client, query, bindings);
  if ('because' in expanded) return expanded;
  const known = await knownOf(client, expanded.query, { parameterTypes: unit.bound.parameterTypes, bindings });
  if ('because' in known) return known;
  const candidates = candidatesIn(expanded, spoken, known);
  if (!Array.isArray(candidates)) return candidates;
  const others = candidates.filter((each) => each.text !== text);
  if (others.length === 0) return null;
  const tied = query.sortClause !== undefined && totalOrder(expanded.query, sortKeys(expanded.query), known) === null ? { mayTie: true as const } : {};
  return { text, isOrdered: query.sortClause !== undefined, ...tied, tables: tablesOf(expanded.query, known), candidates: others };
}

function candidatesIn({ query, grounds }: Expanded, spoken: readonly Spoken[], known: Known): RewriteCandidate[] | LeftAlone {
  const alone = spoken.flatMap((each) => candidate([each], query, known) ?? []);
  const rests = alone.length === 0 ? { grounds: [] } : determined(query, known);
  // a view may write, and lock, too
  const other = writesWord(query);
  if (other !== null || 'because' in rests) return { because: other ?? ('because' in rests ? rests.because : '') };
  // several that each have something to say, together
  const together = alone.length < 2 ? null : candidate(spoken, query, known);
  return [...(together === null ? [] : [together]), ...alone].map((each) => restingOn(each, [...rests.grounds, ...grounds]));
}

/** It must read only, and lock nothing. */
function writesWord(query: SelectStmt): string | null {
  if ((['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'] as const).some((kind) => nodesOf(query, kind).length > 0)) return 'it writes in a WITH';
  return query.intoClause !== undefined ? 'it makes a table' : nodesOf(query, 'LockingClause').length > 0 ? 'it locks rows' : null;
}

function tablesOf(query: SelectStmt, known: Known): readonly RelationName[] {
  const found = nodesOf(query, 'RangeVar').flatMap(({ schemaname, relname = '' }) => known.table(schemaname, relname)?.table ?? []);
  return [...new Map(found.map((table) => [JSON.stringify(table), table])).values()];
}
