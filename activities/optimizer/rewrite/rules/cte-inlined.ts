/**
 * WITH … AS MATERIALIZED, or a query of WITH that is named more than once, planned as a part of the statement.
 * Equal: "if the WITH query is side-effect-free and not recursive" PostgreSQL itself folds it into the parent query (manual, 7.8.3 "Common Table Expression
 * Materialization"); volatile functions, writes and row locks were ruled out before. One that is read twice must give the same rows both times: no LIMIT, no DISTINCT ON.
 * Computed whole, it also keeps what others ask of its rows from those that it leaves out: nothing that is asked may be able to fail, nor what it computes of a row.
 */
import type { Node, SelectStmt } from 'libpg-query';
import { asksNothingThatFails, computesNothingThatFails } from '../cannot-fail.ts';
import { mapQueries, nodesOf } from '../walk.ts';
import type { Rule } from './rule.ts';

type Cte = Extract<Node, { CommonTableExpr: unknown }>['CommonTableExpr'];

export const cteInlined: Rule = {
  name: 'cte-inlined',
  reason: (plan) => (plan.some(({ type }) => type === 'CTE Scan') ? 'a query of WITH is computed whole before the rest filters it' : null),
  rewrite(query) {
    const readings = nodesOf(query, 'RangeVar').flatMap(({ schemaname, relname }) => (schemaname === undefined ? [relname] : []));
    if (!asksNothingThatFails(query)) return null;
    let isChanged = false;
    const changed = mapQueries(query, (each) => {
      if (each.withClause === undefined || each.withClause.recursive) return each;
      const ctes = (each.withClause.ctes ?? []).map((node) => {
        const kind = 'CommonTableExpr' in node ? inlined(node.CommonTableExpr, readings) : null;
        if (kind === null || !('CommonTableExpr' in node)) return node;
        isChanged = true;
        return { CommonTableExpr: { ...node.CommonTableExpr, ctematerialized: kind } };
      });
      return { ...each, withClause: { ...each.withClause, ctes } };
    });
    return isChanged ? { query: changed, grounds: [] } : null;
  },
};

function inlined({ ctename, ctematerialized, ctequery }: Cte, readings: readonly (string | undefined)[]): NonNullable<Cte['ctematerialized']> | null {
  const times = readings.filter((name) => name === ctename).length;
  if (ctequery === undefined || !('SelectStmt' in ctequery) || times === 0 || !computesNothingThatFails(ctequery.SelectStmt)) return null;
  if (times === 1) return ctematerialized === 'CTEMaterializeAlways' ? 'CTEMaterializeDefault' : null;
  return ctematerialized === 'CTEMaterializeNever' || mayVary(ctequery.SelectStmt) ? null : 'CTEMaterializeNever';
}

const mayVary = (query: SelectStmt): boolean => ['limitCount', 'limitOffset', 'distinctClause'].some((part) => JSON.stringify(query).includes(`"${part}":`));
