/** Types as they stand in a cast. */
import type { Node } from 'libpg-query';
import { namesText, UNKNOWN } from './name-text.ts';

type TypeName = NonNullable<Extract<Node, { TypeCast: unknown }>['TypeCast']['typeName']>;

export function typeText(type: TypeName | undefined): string {
  if (type === undefined || type.setof || type.pct_type) return UNKNOWN;
  const modifiers = (type.typmods ?? []).map((each) => ('A_Const' in each && each.A_Const.ival !== undefined ? String(each.A_Const.ival.ival ?? 0) : UNKNOWN));
  const bounds = (type.arrayBounds ?? []).map((each) => ('Integer' in each && (each.Integer.ival ?? 0) === -1 ? '[]' : UNKNOWN));
  const name = builtIn(type.names ?? [], modifiers) ?? `${namesText(type.names)}${modifiers.length === 0 ? '' : `(${modifiers.join(', ')})`}`;
  return `${name}${bounds.join('')}`;
}

/** What the grammar's own words for a type make of it; null: not one of them. */
function builtIn(names: readonly Node[], modifiers: readonly string[]): string | null {
  const [schema, name, ...more] = names.map((each) => ('String' in each ? each.String.sval : undefined));
  if (schema !== 'pg_catalog' || name === undefined || more.length > 0) return null;
  const word = words[name];
  // interval(8) is a precision there, and a field in the tree
  if (word === undefined || (name === 'interval' && modifiers.length > 0)) return null;
  const [before, after] = word;
  return `${before}${modifiers.length === 0 ? '' : `(${modifiers.join(', ')})`}${after}`;
}

/** Before and after its length or precision. */
const words: Readonly<Record<string, readonly [string, string]>> = {
  int2: ['smallint', ''],
  int4: ['integer', ''],
  int8: ['bigint', ''],
  float4: ['real', ''],
  float8: ['double precision', ''],
  numeric: ['numeric', ''],
  bool: ['boolean', ''],
  interval: ['interval', ''],
  varchar: ['varchar', ''],
  timestamp: ['timestamp', ''],
  timestamptz: ['timestamp', ' with time zone'],
  time: ['time', ''],
  timetz: ['time', ' with time zone'],
};
