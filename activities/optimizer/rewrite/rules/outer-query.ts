/** A query around groups that are made already: what it reads of them, and under which names. */
import type { Node, SelectStmt } from 'libpg-query';
import type { RewriteGround } from '../../../../domain/optimizer/rewrite.ts';
import type { Known } from '../known.ts';
import { target } from '../nodes.ts';
import { findColumn, type Source, typeGround } from '../sources.ts';
import { mapExpression, nodesOf } from '../walk.ts';
import { calledName } from './sub-query.ts';

/** What comes out, is asked of groups and orders them, read from the smaller groups. null: a part of it cannot be. */
export function outerOf(
  query: SelectStmt,
  known: Known,
  replace: (node: Node) => Node | null,
): Pick<SelectStmt, 'targetList' | 'havingClause' | 'sortClause'> | null {
  const { targetList = [], havingClause, sortClause } = query;
  const outputs = targetList.map((one) => ('ResTarget' in one ? nameOf(one.ResTarget) : undefined));
  if (outputs.some((name) => name === undefined)) return null;
  let isOpen = false;
  const over = (node: Node): Node =>
    mapExpression(node, (part) => {
      const found = replace(part);
      // whatever is left of the rows themselves is no figure of a group, nor is a figure that cannot be had from others
      isOpen ||= found === null && ('ColumnRef' in part || 'SubLink' in part || ('FuncCall' in part && isFigure(part, known)));
      return found;
    });
  const targets = targetList.map((one, place) =>
    'ResTarget' in one && one.ResTarget.val !== undefined ? target(over(one.ResTarget.val), outputs[place]) : one,
  );
  const having = havingClause === undefined ? undefined : over(havingClause);
  const sorts = sortClause?.map((each) =>
    'SortBy' in each && each.SortBy.node !== undefined && !isOutput(each.SortBy.node, outputs)
      ? { SortBy: { ...each.SortBy, node: over(each.SortBy.node) } }
      : each,
  );
  if (isOpen) return null;
  return { targetList: targets, ...(having === undefined ? {} : { havingClause: having }), ...(sorts === undefined ? {} : { sortClause: sorts }) };
}

/** Nobody knows what a call of another schema is. */
function isFigure(node: Node, { aggregates }: Known): boolean {
  const name = calledName(node);
  return name === null || aggregates.has(name) || ('FuncCall' in node && node.FuncCall.over !== undefined);
}

/** A word alone means what comes out under that name, whatever columns the tables have (manual, SELECT, "ORDER BY Clause"). */
export function isOutput(key: Node, outputs: readonly (string | undefined)[]): boolean {
  const fields = 'ColumnRef' in key ? (key.ColumnRef.fields ?? []) : [];
  const [word] = fields;
  return 'A_Const' in key || (fields.length === 1 && word !== undefined && 'String' in word && outputs.includes(word.String.sval));
}

/** As PostgreSQL names what comes out; undefined: nobody can tell. */
export function nameOf({ name, val }: Extract<Node, { ResTarget: unknown }>['ResTarget']): string | undefined {
  if (name !== undefined || val === undefined) return name;
  const last = 'ColumnRef' in val ? val.ColumnRef.fields?.at(-1) : undefined;
  if (last !== undefined && 'String' in last) return last.String.sval;
  return calledName(val) ?? ('A_Expr' in val && val.A_Expr.kind === 'AEXPR_OP' ? '?column?' : undefined);
}

/** What the figures and groups are computed of has to stay what it is. */
export function typesOf(value: unknown, sources: readonly Source[]): readonly RewriteGround[] {
  const found = nodesOf(value, 'ColumnRef').flatMap((reference) => findColumn({ ColumnRef: reference }, sources) ?? []);
  return [
    ...found.map(typeGround),
    ...found.filter((each) => each.column.notNull).map(({ table, column: { name } }) => ({ kind: 'not-null', table: table.table, column: name }) as const),
  ];
}
