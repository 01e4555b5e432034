/** What the rules that set a column of time free have in common: conditions that must be true, each with a range of the bare column in its place or beside it. */
import type { Node, SelectStmt } from 'libpg-query';
import type { RewriteGround } from '../../../../domain/optimizer/rewrite.ts';
import type { Known } from '../known.ts';
import { and } from '../nodes.ts';
import { type Found, type Source, sourcesOf } from '../sources.ts';
import { conjunctsOf, mapQueries } from '../walk.ts';
import type { Rewritten } from './rule.ts';

/** As the catalogue names them. */
export const PLAIN = 'timestamp without time zone';
export const ZONED = 'timestamp with time zone';

/** A word that a condition hangs on. */
export interface KnownWord {
  readonly word: string;
  /** Number of the parameter that it is; null: it stands in the text. */
  readonly parameter: number | null;
}

export interface ColumnRange {
  readonly found: Found;
  /** In place of the condition; it may be one of them. */
  readonly conditions: readonly Node[];
  readonly hangsOnZone: boolean;
  /** Only true of calls with this word. */
  readonly word?: KnownWord;
}

/** `rangeFor`: of a condition that has to be true for a row to come out; null: it stays. null: no condition has one. */
export function withColumnRanges(
  query: SelectStmt,
  known: Known,
  rangeFor: (condition: Node, sources: readonly Source[]) => ColumnRange | null,
): Rewritten | null {
  const grounds: RewriteGround[] = [];
  const fixed = new Map<number, string>();
  let isZoned = false;
  const changed = mapQueries(query, (each) => {
    const sources = sourcesOf(each, known);
    const before = grounds.length;
    const conditions = conjunctsOf(each.whereClause).flatMap((condition) => {
      const range = rangeFor(condition, sources);
      if (range === null) return [condition];
      const { found, word } = range;
      grounds.push({ kind: 'type', table: found.table.table, column: found.column.name, type: found.column.type });
      if (word !== undefined && word.parameter !== null) fixed.set(word.parameter, word.word);
      isZoned ||= range.hangsOnZone;
      return range.conditions;
    });
    const whereClause = and(conditions);
    return whereClause === undefined || grounds.length === before ? each : { ...each, whereClause };
  });
  return grounds.length === 0 ? null : { query: changed, grounds, fixed, ...(isZoned ? { hangsOnTimeZone: true } : {}) };
}

/** Both sides of `=`, PostgreSQL's own. */
export function equalSides(node: Node): readonly [Node | undefined, Node | undefined] | null {
  if (!('A_Expr' in node) || node.A_Expr.kind !== 'AEXPR_OP') return null;
  const { name = [], lexpr, rexpr } = node.A_Expr;
  const [only, ...schema] = name;
  return schema.length === 0 && only !== undefined && 'String' in only && only.String.sval === '=' ? [lexpr, rexpr] : null;
}

/** One that stands in the text, or that every captured call has. */
export function knownWord(node: Node, { constants }: Known): KnownWord | null {
  const bare = bareWord(node);
  if ('A_Const' in bare) return bare.A_Const.sval?.sval === undefined ? null : { word: bare.A_Const.sval.sval, parameter: null };
  const parameter = 'ParamRef' in bare ? (bare.ParamRef.number ?? 0) : 0;
  const word = constants.get(parameter);
  return word === undefined ? null : { word, parameter };
}

/** Without a cast that leaves it as it is: one with a length may cut it off. */
function bareWord(node: Node): Node {
  if (!('TypeCast' in node) || node.TypeCast.arg === undefined) return node;
  const { names = [], typmods, arrayBounds } = node.TypeCast.typeName ?? {};
  const [name = '', schema = 'pg_catalog', ...more] = names.map((each) => ('String' in each ? each.String.sval : undefined)).toReversed();
  const isOurs = schema === 'pg_catalog' && more.length === 0 && ['text', 'varchar'].includes(name);
  const isWhole = typmods === undefined && arrayBounds === undefined && isOurs;
  return isWhole ? node.TypeCast.arg : node;
}
