/** Other texts of one statement that should give the same rows: by the rules whose conditions hold, where its plan shows a reason. */
import type { SelectStmt } from 'libpg-query';
import type pg from 'pg';
import type { RelationName } from '../../../domain/optimizer/model.ts';
import { nodesOf as planNodes } from '../../../domain/optimizer/plan.ts';
import { parseExplain } from '../../../domain/optimizer/plan-parse.ts';
import { isServerError } from '../../pg-errors.ts';
import { parameterTokens } from '../bind/edit.ts';
import { isFault, parseOne, parserReady } from '../bind/tree.ts';
import { explained, type Unit } from '../lab/execute.ts';
import { candidate, type RewriteCandidate, restingOn, type Spoken, type WriteTexts } from './applied.ts';
import { determined } from './determined.ts';
import { type Known, knownOf, type LeftAlone } from './known.ts';
import { textOf } from './query-text.ts';
import { rules } from './rules.ts';
import { sortKeys, totalOrder } from './total-order.ts';
import { type Expanded, withoutViews } from './views.ts';
import { nodesOf } from './walk.ts';
import { writesOf } from './writing.ts';

export interface Candidates {
  /** The statement as the parser reads it, without comments: the text to compare with. */
  readonly text: string;
  readonly isOrdered: boolean;
  /** Its order leaves rows equal, or nobody can tell. */
  readonly mayTie?: true;
  readonly tables: readonly RelationName[];
  readonly candidates: readonly RewriteCandidate[];
  /** Of a statement that writes. */
  readonly writes?: WriteTexts;
}

/** Of the units of one statement. null: its plan shows nothing that a rule would mend, or it has no form that one is for. Nothing is executed. */
export async function candidatesOf(client: pg.Client, units: readonly [Unit, ...Unit[]]): Promise<Candidates | LeftAlone | null> {
  await parserReady();
  const [unit] = units;
  const parsed = parseOne(unit.bound.text);
  // what binding guessed into the text is not what the application sends
  const isGuessed = parameterTokens(unit.bound.text).length !== parameterTokens(unit.bound.statement.text).length;
  if (isFault(parsed) || !['SelectStmt', 'UpdateStmt', 'DeleteStmt'].includes(parsed.kind)) return null;
  const plan = await planOf(client, unit);
  const spoken = rules.flatMap((rule) => {
    const reason = plan === null ? null : rule.reason(plan);
    return reason === null ? [] : [{ rule, reason }];
  });
  if (spoken.length === 0) return null;
  if (isGuessed) return { because: 'a part of its text is not known: pg_stat_statements keeps no constants, the field of EXTRACT among them' };
  if (parsed.kind !== 'SelectStmt') return writesOf(client, units, { parsed, spoken });
  const query = parsed.root as SelectStmt;
  const text = textOf(query);
  const other = writesWord(query);
  if (text === null || other !== null) return { because: other ?? 'it has a form that cannot be written back' };
  // as all who send it
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

async function planOf(client: pg.Client, unit: Unit) {
  try {
    const [plan] = parseExplain(await explained(client, unit, { away: [], timeoutMs: 10_000, isExecuted: false }));
    return plan === undefined ? null : planNodes(plan.root);
  } catch (error) {
    if (!isServerError(error)) throw error;
    return null;
  }
}

function tablesOf(query: SelectStmt, known: Known): readonly RelationName[] {
  const found = nodesOf(query, 'RangeVar').flatMap(({ schemaname, relname = '' }) => known.table(schemaname, relname)?.table ?? []);
  return [...new Map(found.map((table) => [JSON.stringify(table), table])).values()];
}
