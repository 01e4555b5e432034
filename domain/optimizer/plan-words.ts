/** How a node of a plan is said to people: the same words on the terminal and on the page. */
import { count } from './finding-words.ts';
import type { PlanNode } from './plan.ts';

/** `Parallel Seq Scan`, `Hash Left Join`, `Nested Loop Anti Join`, `Hashed Aggregate`, `Partial Aggregate`, `Update`. */
export function sayType({ type, joinType, strategy, isParallelAware, fields }: PlanNode): string {
  const parallel = isParallelAware ? 'Parallel ' : '';
  if (joinType !== null && joinType !== 'Inner') return `${parallel}${type === 'Nested Loop' ? 'Nested Loop' : type.replace(' Join', '')} ${joinType} Join`;
  if (type === 'ModifyTable' && typeof fields.Operation === 'string') return fields.Operation;
  const partial = typeof fields['Partial Mode'] === 'string' && fields['Partial Mode'] !== 'Simple' ? `${fields['Partial Mode']} ` : '';
  const how = (type === 'Aggregate' || type === 'SetOp') && strategy !== null && strategy !== 'Plain' ? `${strategy} ` : '';
  return `${parallel}${partial}${how}${type}`;
}

/** `on orders o by orders_pkey`: what it reads; empty where it reads only its children. */
export function sayTarget({ relation, alias, index, cte, fields }: PlanNode): string {
  const name = relation?.relation ?? cte ?? (typeof fields['Function Name'] === 'string' ? fields['Function Name'] : null);
  const on = name === null ? (alias === null ? '' : `on ${alias}`) : `on ${name}${alias === null || alias === name ? '' : ` ${alias}`}`;
  return [on, index === null ? '' : `by ${index}`].filter((part) => part !== '').join(' ');
}

/** `1,250 rows`, `0.5 rows × 2,000`, `never executed`, `~ 10 rows` where nothing was measured. */
export function sayRows({ actual, estimate }: PlanNode): string {
  if (actual === null) return `~ ${plural(estimate.rows)}`;
  if (actual.loops === 0) return 'never executed';
  return actual.loops === 1 ? plural(actual.rows) : `${plural(actual.rows)} × ${count(actual.loops)}`;
}

const plural = (rows: number) => `${Number.isInteger(rows) ? count(rows) : rows} ${rows === 1 ? 'row' : 'rows'}`;

/** `< 1 %`, `7 %`: no more precision than a single run has. */
export function sayPart(share: number): string {
  if (share > 0 && share < 0.01) return '< 1 %';
  return `${Math.round(share * 100)} %`;
}
