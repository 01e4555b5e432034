/** A SELECT's parse tree as a text again, for people: what a rule made of a statement. Only texts that the parser reads as that very tree come out. */
import type { Node, SelectStmt } from 'libpg-query';
import { isFault, parseOne } from '../bind/tree.ts';
import { expressionText, type QueryText, sortText, windowText } from './expression-text.ts';
import { namesText, nameText, UNKNOWN } from './name-text.ts';

/** null: it holds something that cannot be written. The parser must be ready. */
export function textOf(select: SelectStmt): string | null {
  const text = selectText(select, 0);
  const parsed = parseOne(text);
  if (isFault(parsed) || parsed.kind !== 'SelectStmt') return null;
  return plain(parsed.root) === plain(select) ? text : null;
}

/** Equal for trees that say the same, wherever their parts stand. */
export const plain = (tree: unknown): string => JSON.stringify(sorted(tree));

const PLACES = ['location', 'list_start', 'list_end', 'rexpr_list_start', 'rexpr_list_end'];

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key, inner]) => !PLACES.includes(key) && inner !== undefined);
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]));
}

function selectText(select: SelectStmt, depth: number): string {
  const query: QueryText = (node) => (node !== undefined && 'SelectStmt' in node ? selectText(node.SelectStmt, depth + 1) : UNKNOWN);
  const write: Writing = {
    query,
    text: (node) => expressionText(node, query),
    list: (nodes) => (nodes ?? []).map((each) => expressionText(each, query)).join(', '),
  };
  const parts = [...withText(select, write), ...bodyText(select, write, depth), ...tailText(select, write)];
  // inside another one it stays on its line
  return parts.join(depth === 0 ? '\n' : ' ');
}

interface Writing {
  readonly query: QueryText;
  readonly text: (node: Node | undefined) => string;
  readonly list: (nodes: readonly Node[] | undefined) => string;
}

function withText({ withClause }: SelectStmt, { query }: Writing): string[] {
  if (withClause === undefined) return [];
  const ctes = (withClause.ctes ?? []).map((node) => {
    if (!('CommonTableExpr' in node)) return UNKNOWN;
    const { ctename = '', aliascolnames, ctematerialized, ctequery, search_clause, cycle_clause } = node.CommonTableExpr;
    if (search_clause !== undefined || cycle_clause !== undefined) return UNKNOWN;
    const kind = ctematerialized === 'CTEMaterializeAlways' ? 'materialized ' : ctematerialized === 'CTEMaterializeNever' ? 'not materialized ' : '';
    return `${nameText(named(ctename))}${columnNames(aliascolnames)} as ${kind}(${query(ctequery)})`;
  });
  return [`with ${withClause.recursive ? 'recursive ' : ''}${ctes.join(',\n  ')}`];
}

function bodyText(select: SelectStmt, write: Writing, depth: number): string[] {
  const { op, all, larg, rarg, valuesLists } = select;
  if (select.intoClause !== undefined || select.groupDistinct) return [UNKNOWN];
  if (op !== undefined && op !== 'SETOP_NONE') {
    const word = { SETOP_UNION: 'union', SETOP_INTERSECT: 'intersect', SETOP_EXCEPT: 'except' }[op as string] ?? UNKNOWN;
    const side = (part: SelectStmt | undefined) => (part === undefined ? UNKNOWN : `(${selectText(part, depth + 1)})`);
    return [side(larg), `${word}${all ? ' all' : ''}`, side(rarg)];
  }
  if (valuesLists !== undefined) return [`values ${valuesLists.map((row) => ('List' in row ? `(${write.list(row.List.items)})` : UNKNOWN)).join(', ')}`];
  return [
    ['select', ...distinctText(select, write), (select.targetList ?? []).map((each) => targetText(each, write)).join(', ')]
      .filter((part) => part !== '')
      .join(' '),
    ...(select.fromClause === undefined ? [] : [`from ${select.fromClause.map((each) => fromText(each, write)).join(', ')}`]),
    ...(select.whereClause === undefined ? [] : [`where ${write.text(select.whereClause)}`]),
    ...(select.groupClause === undefined ? [] : [`group by ${select.groupClause.map((each) => groupText(each, write)).join(', ')}`]),
    ...(select.havingClause === undefined ? [] : [`having ${write.text(select.havingClause)}`]),
    ...(select.windowClause === undefined ? [] : [`window ${select.windowClause.map((each) => windowNamed(each, write)).join(', ')}`]),
  ];
}

/** A plain DISTINCT is a list of one empty node. */
function distinctText({ distinctClause }: SelectStmt, { list }: Writing): string[] {
  if (distinctClause === undefined) return [];
  const [only] = distinctClause;
  return distinctClause.length === 1 && only !== undefined && Object.keys(only).length === 0 ? ['distinct'] : [`distinct on (${list(distinctClause)})`];
}

function targetText(node: Node, { text }: Writing): string {
  if (!('ResTarget' in node) || node.ResTarget.indirection !== undefined) return UNKNOWN;
  const { name, val } = node.ResTarget;
  return `${text(val)}${name === undefined ? '' : ` as ${nameText(named(name))}`}`;
}

function groupText(node: Node, { text, list }: Writing): string {
  if (!('GroupingSet' in node)) return text(node);
  const { kind, content } = node.GroupingSet;
  if (kind === 'GROUPING_SET_EMPTY') return '()';
  const word = kind === 'GROUPING_SET_ROLLUP' ? 'rollup' : kind === 'GROUPING_SET_CUBE' ? 'cube' : UNKNOWN;
  return `${word} (${list(content)})`;
}

function windowNamed(node: Node, { list, query }: Writing): string {
  return 'WindowDef' in node ? `${nameText(named(node.WindowDef.name ?? ''))} as (${windowText(node.WindowDef, { list, query })})` : UNKNOWN;
}

function fromText(node: Node, write: Writing): string {
  if ('RangeVar' in node) {
    const { catalogname, schemaname, relname = '', inh, alias } = node.RangeVar;
    const names = [catalogname, schemaname, relname].flatMap((name) => (name === undefined ? [] : [named(name)]));
    return `${inh ? '' : 'only '}${namesText(names)}${aliasText(alias)}`;
  }
  if ('RangeSubselect' in node) {
    const { lateral, subquery, alias } = node.RangeSubselect;
    return `${lateral ? 'lateral ' : ''}(${write.query(subquery)})${aliasText(alias)}`;
  }
  if ('RangeFunction' in node) {
    const { lateral, ordinality, is_rowsfrom, functions = [], alias, coldeflist } = node.RangeFunction;
    const [only] = functions;
    const call = only !== undefined && 'List' in only ? only.List.items?.[0] : undefined;
    if (is_rowsfrom || coldeflist !== undefined) return UNKNOWN;
    return `${lateral ? 'lateral ' : ''}${write.text(call)}${ordinality ? ' with ordinality' : ''}${aliasText(alias)}`;
  }
  return 'JoinExpr' in node ? joinText(node.JoinExpr, write) : UNKNOWN;
}

function joinText(
  { jointype, isNatural, larg, rarg, usingClause, join_using_alias, quals, alias }: Extract<Node, { JoinExpr: unknown }>['JoinExpr'],
  write: Writing,
): string {
  if (larg === undefined || rarg === undefined || alias !== undefined || join_using_alias !== undefined) return UNKNOWN;
  const kinds: Readonly<Record<string, string>> = { JOIN_INNER: '', JOIN_LEFT: 'left ', JOIN_RIGHT: 'right ', JOIN_FULL: 'full ' };
  const isCross = jointype === 'JOIN_INNER' && !isNatural && usingClause === undefined && quals === undefined;
  const word = `${isNatural ? 'natural ' : ''}${isCross ? 'cross ' : (kinds[jointype ?? ''] ?? UNKNOWN)}join`;
  const right = 'JoinExpr' in rarg ? `(${fromText(rarg, write)})` : fromText(rarg, write);
  const how = usingClause !== undefined ? ` using (${usingClause.map(nameText).join(', ')})` : quals !== undefined ? ` on ${write.text(quals)}` : '';
  return `${fromText(larg, write)} ${word} ${right}${how}`;
}

function tailText({ sortClause, limitCount, limitOffset, limitOption, lockingClause }: SelectStmt, { text, query }: Writing): string[] {
  if (lockingClause !== undefined || limitOption === 'LIMIT_OPTION_WITH_TIES') return [UNKNOWN];
  return [
    ...(sortClause === undefined ? [] : [`order by ${sortClause.map((each) => sortText(each, query)).join(', ')}`]),
    ...(limitCount === undefined ? [] : [`limit ${text(limitCount)}`]),
    ...(limitOffset === undefined ? [] : [`offset ${text(limitOffset)}`]),
  ];
}

const named = (name: string): Node => ({ String: { sval: name } });

function aliasText(alias: { readonly aliasname?: string; readonly colnames?: Node[] } | undefined): string {
  return alias === undefined ? '' : ` as ${nameText(named(alias.aliasname ?? ''))}${columnNames(alias.colnames)}`;
}

const columnNames = (names: readonly Node[] | undefined): string => (names === undefined ? '' : ` (${names.map(nameText).join(', ')})`);
