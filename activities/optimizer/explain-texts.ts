/** Statements as a person wrote them, with their plans and what is wrong with each. */
import type pg from 'pg';
import type { ExplainedStatement, ExplainReport } from '../../domain/optimizer/explain-report.ts';
import type { FindingFacts } from '../../domain/optimizer/finding.ts';
import { findingsOf } from '../../domain/optimizer/findings.ts';
import type { Bound, NotJudged, RelationName, Statement } from '../../domain/optimizer/model.ts';
import { type Explained, nodesOf } from '../../domain/optimizer/plan.ts';
import { bindStatements } from './bind/bind.ts';
import { isFault, parseOne, parserReady } from './bind/tree.ts';
import { readTableFacts } from './catalogue.ts';
import { type BindingPlan, type ExplainOptions, explainBound } from './explain.ts';
import { readStatistics } from './statistics.ts';
import { classify, temporaryTables } from './workload/classify.ts';
import { sqlStatements } from './workload/files.ts';
import { normalised } from './workload/normalise.ts';

/**
 * Explains each statement of the text, in its order. Constants are planned as they stand there; of parameters (`$1`) the first values that binding
 * finds. The session must be outside a transaction. Whatever has no plan is named with its reason.
 */
export async function explainTexts(client: pg.Client, text: string, options: ExplainOptions): Promise<ExplainReport> {
  await parserReady();
  const texts = sqlStatements(text).map((each) => each.text);
  const known = { isCatalogue: (name: string) => name.startsWith('pg_'), temporary: new Set(texts.flatMap(temporaryTables)) };
  const { rows } = await client.query<{ database: string }>('/* assay optimizer */ select current_database() as database');
  const statements: ExplainedStatement[] = [];
  const notExplained: NotJudged[] = [];
  for (const [at, own] of texts.entries()) {
    const title = `statement ${at + 1}`;
    const { text: plain, kind, notJudged } = classify(own, known);
    if (notJudged !== null) {
      notExplained.push({ statement: title, ...notJudged });
      continue;
    }
    const statement = { id: title, database: rows[0]?.database ?? '', text: plain, kind, ...NOTHING_COUNTED };
    const plan = await planned(client, statement, options);
    if (plan.kind === 'not-planned') notExplained.push({ statement: title, reason: plan.reason, detail: plan.detail });
    else for (const explained of plan.explained) statements.push(await described(client, { statement, plan, explained }));
  }
  return { statements, notExplained };
}

const NOTHING_COUNTED = { calls: 0, totalMs: 0, rows: 0, blocks: 0, tempBlocks: 0, walBytes: 0 };

/** Without parameters exactly as it was written. */
async function planned(client: pg.Client, statement: Statement, options: ExplainOptions): Promise<BindingPlan> {
  const parsed = parseOne(statement.text);
  const hasParameters = !isFault(parsed) && normalised(parsed).ownParameters > 0;
  const asWritten: Bound = { statement, text: statement.text, parameterTypes: [], bindings: [{ source: 'captured', case: 'captured', values: [] }] };
  const workload = hasParameters ? await bindStatements(client, [statement], { maxBindings: 1 }) : { bound: [asWritten], notJudged: [] };
  const [bound] = workload.bound;
  const [plan] = bound === undefined ? [] : await explainBound(client, bound, options);
  if (plan !== undefined) return plan;
  const [refused] = workload.notJudged;
  return {
    kind: 'not-planned',
    binding: { source: 'generic', case: 'generic', values: [] },
    reason: refused?.reason ?? 'no-plan',
    detail: refused?.detail ?? '',
  };
}

interface Described {
  readonly statement: Statement;
  readonly plan: Extract<BindingPlan, { kind: 'planned' }>;
  readonly explained: Explained;
}

async function described(client: pg.Client, { statement, plan, explained }: Described): Promise<ExplainedStatement> {
  const parsed = parseOne(statement.text);
  return {
    title: statement.id,
    text: isFault(parsed) ? '' : normalised(parsed).text,
    source: plan.binding.source,
    plan: explained,
    findings: findingsOf(explained, await factsOf(client, explained)),
  };
}

/** What the server knows of the tables in a plan. */
async function factsOf(client: pg.Client, { root }: Explained): Promise<FindingFacts> {
  const relations = nodesOf(root).flatMap(({ relation }): RelationName[] => (relation === null ? [] : [relation]));
  const schemas = [...new Set(relations.map(({ schema }) => schema))];
  return { tables: schemas.length === 0 ? [] : await readTableFacts(client, schemas), statistics: await readStatistics(client, relations) };
}
