/** Which numbers an expression is made of, as far as it can neither fail nor hang on the order of rows. */
import type { Node } from 'libpg-query';
import type { Known } from '../known.ts';
import { findColumn, type Source } from '../sources.ts';

/** Which numbers an expression gives, whose sum is the same in any order; null: others, or it may overflow, as integers do. */
export function numberOf(node: Node, inner: readonly Source[], known: Known): 'integer' | 'numeric' | null {
  const ofType = (type: string) => (type === 'numeric' ? 'numeric' : INTEGERS.includes(type) ? 'integer' : null);
  const found = findColumn(node, inner);
  if (found !== null) return ofType(found.column.type);
  if ('ParamRef' in node) return ofType(known.parameterTypes[(node.ParamRef.number ?? 0) - 1] ?? '');
  if ('A_Const' in node) return constantOf(node.A_Const);
  if (!('A_Expr' in node) || node.A_Expr.kind !== 'AEXPR_OP' || operatorOf(node.A_Expr.name) === null) return null;
  const sides = [node.A_Expr.lexpr, node.A_Expr.rexpr].flatMap((side) => (side === undefined ? [] : [numberOf(side, inner, known)]));
  return sides.includes(null) || !sides.includes('numeric') ? null : 'numeric';
}

/** A whole number that is too long for an integer is a bigint, though the parser keeps it as it was written; 0xEEEEEEEE is one, too. */
function constantOf({ ival, fval }: Extract<Node, { A_Const: unknown }>['A_Const']): 'integer' | 'numeric' | null {
  if (ival !== undefined) return 'integer';
  if (fval?.fval === undefined) return null;
  return /^[^x]*[.e]/i.test(fval.fval) ? 'numeric' : 'integer';
}

const INTEGERS: readonly string[] = ['smallint', 'integer', 'bigint'];

/** Plus, minus, times, of PostgreSQL's own; null: another one. */
export const operatorOf = (name: readonly Node[] = []): string | null => {
  const [only] = name;
  const operator = name.length === 1 && only !== undefined && 'String' in only ? (only.String.sval ?? '') : '';
  return ['+', '-', '*'].includes(operator) ? operator : null;
};
