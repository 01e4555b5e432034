/** Other texts of one statement that should give the same rows: by the rules whose conditions hold, where its plan shows a reason. */
import type { SelectStmt } from 'libpg-query';
import type pg from 'pg';
import type { RelationName } from '../../../domain/optimizer/model.ts';
import { nodesOf as planNodes } from '../../../domain/optimizer/plan.ts';
import { parseExplain } from '../../../domain/optimizer/plan-parse.ts';
import type { RewriteGround, RewriteRule } from '../../../domain/optimizer/rewrite.ts';
import { isServerError } from '../../pg-errors.ts';
import { parameterTokens } from '../bind/edit.ts';
import { isFault, parseOne, parserReady } from '../bind/tree.ts';
import { explained, type Unit } from '../lab/execute.ts';
import { type Known, knownOf } from './known.ts';
import { textOf } from './query-text.ts';
import type { Rewritten, Rule } from './rules/rule.ts';
import { rules } from './rules.ts';
import { nodesOf } from './walk.ts';

export interface RewriteCandidate {
  readonly rules: readonly RewriteRule[];
  /** What in the plan spoke for it, for people. */
  readonly reasons: readonly string[];
  readonly text: string;
  readonly grounds: readonly RewriteGround[];
  readonly hangsOnTimeZone: boolean;
  /** Values of parameters for which alone the texts are equal, by number. */
  readonly fixed: ReadonlyMap<number, string>;
}

export interface Candidates {
  /** The statement as the parser reads it, without comments: the text to compare with. */
  readonly text: string;
  readonly isOrdered: boolean;
  readonly tables: readonly RelationName[];
  readonly candidates: readonly RewriteCandidate[];
}

/** Of the units of one statement, whatever their values. null: no rule has anything to say. Nothing is executed. */
export async function candidatesOf(client: pg.Client, unit: Unit): Promise<Candidates | null> {
  await parserReady();
  const parsed = parseOne(unit.bound.text);
  // what binding guessed into the text is not what the application sends
  const isGuessed = parameterTokens(unit.bound.text).length !== parameterTokens(unit.bound.statement.text).length;
  if (isFault(parsed) || parsed.kind !== 'SelectStmt' || isGuessed) return null;
  const query = parsed.root as SelectStmt;
  const text = textOf(query);
  if (text === null || !isRewritable(query)) return null;
  const known = await knownOf(client, query, unit.bound);
  if ('because' in known) return null;
  const plan = await planOf(client, unit);
  const spoken = rules.flatMap((rule) => {
    const reason = plan === null ? null : rule.reason(plan);
    return reason === null ? [] : [{ rule, reason }];
  });
  const alone = spoken.flatMap((each) => candidate([each], query, known) ?? []);
  // several that each have something to say, together
  const together = alone.length < 2 ? null : candidate(spoken, query, known);
  const candidates = [...(together === null ? [] : [together]), ...alone].filter((each) => each.text !== text);
  return candidates.length === 0 ? null : { text, isOrdered: query.sortClause !== undefined, tables: tablesOf(query, known), candidates };
}

/** Reads only, locks nothing, and says which rows it wants: without an order LIMIT may give any. */
function isRewritable(query: SelectStmt): boolean {
  const writes = (['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'] as const).some((kind) => nodesOf(query, kind).length > 0);
  const isAny = (query.limitCount !== undefined || query.limitOffset !== undefined) && query.sortClause === undefined;
  return !writes && !isAny && query.intoClause === undefined && nodesOf(query, 'LockingClause').length === 0;
}

interface Spoken {
  readonly rule: Rule;
  readonly reason: string;
}

/** One after the other; each sees what the one before it made. */
function candidate(spoken: readonly Spoken[], query: SelectStmt, known: Known): RewriteCandidate | null {
  const done: { readonly spoken: Spoken; readonly rewritten: Rewritten }[] = [];
  let changed = query;
  for (const each of spoken) {
    const rewritten = each.rule.rewrite(changed, known);
    if (rewritten === null) continue;
    changed = rewritten.query;
    done.push({ spoken: each, rewritten });
  }
  const text = done.length === 0 ? null : textOf(changed);
  if (text === null) return null;
  const grounds = new Map(done.flatMap(({ rewritten }) => rewritten.grounds).map((ground) => [JSON.stringify(ground), ground]));
  return {
    rules: done.map(({ spoken: { rule } }) => rule.name),
    reasons: done.map(({ spoken: { reason } }) => reason),
    text,
    grounds: [...grounds.values()],
    hangsOnTimeZone: done.some(({ rewritten }) => rewritten.hangsOnTimeZone === true),
    fixed: new Map(done.flatMap(({ rewritten }) => [...(rewritten.fixed ?? [])])),
  };
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
