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
import type { RewriteCandidate, WriteTexts } from './applied.ts';
import { insertsOf } from './inserting.ts';
import type { LeftAlone } from './known.ts';
import { readsOf } from './reading.ts';
import { rules } from './rules.ts';
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
  if (isFault(parsed) || !['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'].includes(parsed.kind)) return null;
  const plan = await planOf(client, unit);
  const spoken = rules.flatMap((rule) => {
    const reason = plan === null ? null : rule.reason(plan);
    return reason === null ? [] : [{ rule, reason }];
  });
  if (spoken.length === 0) return null;
  if (isGuessed) return { because: 'a part of its text is not known: pg_stat_statements keeps no constants, the field of EXTRACT among them' };
  const asked = { parsed, spoken };
  if (parsed.kind === 'MergeStmt')
    return { because: 'MERGE joins what it changes with what it reads: what is done to a row hangs on the pair, and no proof is made of that' };
  if (parsed.kind === 'InsertStmt') return insertsOf(client, units, asked);
  return parsed.kind === 'SelectStmt' ? readsOf(client, units, { query: parsed.root as SelectStmt, spoken }) : writesOf(client, units, asked);
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
