/** Values of a type when no column says what is usual: in PostgreSQL's text form, by the type's name as format_type() gives it. */

/** A sensible value of a type; null: unknown type. `isCompared`: it is looked up, so an element is needed where a list may be empty. */
export function typeDefault(type: string, { now, isCompared }: { now: string; isCompared: boolean }): string | null {
  if (type.endsWith('[]')) {
    const element = isCompared ? typeDefault(type.slice(0, -2), { now, isCompared }) : null;
    return element === null ? '{}' : arrayOf([element]);
  }
  const family = familyOf(type);
  return family === 'instant' ? now : (defaults[family] ?? null);
}

/** A value that is most likely not there; null: the type has too few values for that. Another one for each ordinal. */
export function absentValue(type: string, { ordinal, present }: { ordinal: number; present: readonly string[] }): string | null {
  switch (familyOf(type)) {
    case 'integer':
      return absentInteger(type, ordinal, present);
    case 'number':
      return String(present.reduce((most, value) => Math.max(most, Number(value) || 0), 0) + 1000 + ordinal);
    case 'text':
      return free((again) => `assay-absent-${ordinal}${'-'.repeat(again)}`, present);
    case 'uuid':
      return `a55a0000-0000-4000-8000-${String(ordinal).padStart(12, '0')}`;
    case 'instant':
    case 'date':
      return free((again) => `1${String(800 + again)}-01-${String((ordinal % 28) + 1).padStart(2, '0')}`, present);
    default:
      return null;
  }
}

/** `{"a","b"}`. */
export const arrayOf = (values: readonly string[]): string => `{${values.map((value) => `"${value.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`;

type Family =
  | 'point'
  | 'box'
  | 'circle'
  | 'polygon'
  | 'tsquery'
  | 'jsonpath'
  | 'configuration'
  | 'integer'
  | 'number'
  | 'text'
  | 'uuid'
  | 'instant'
  | 'date'
  | 'time'
  | 'interval'
  | 'boolean'
  | 'json'
  | 'bytes'
  | 'address'
  | 'relation'
  | 'unknown';

const families: Readonly<Record<string, Family>> = {
  smallint: 'integer',
  integer: 'integer',
  bigint: 'integer',
  oid: 'integer',
  numeric: 'number',
  real: 'number',
  'double precision': 'number',
  text: 'text',
  'character varying': 'text',
  character: 'text',
  citext: 'text',
  name: 'text',
  '"char"': 'text',
  uuid: 'uuid',
  'timestamp with time zone': 'instant',
  'timestamp without time zone': 'instant',
  date: 'date',
  'time without time zone': 'time',
  'time with time zone': 'time',
  interval: 'interval',
  boolean: 'boolean',
  json: 'json',
  jsonb: 'json',
  bytea: 'bytes',
  inet: 'address',
  cidr: 'address',
  regclass: 'relation',
  regconfig: 'configuration',
  tsquery: 'tsquery',
  jsonpath: 'jsonpath',
  point: 'point',
  box: 'box',
  circle: 'circle',
  polygon: 'polygon',
};

const defaults: Readonly<Partial<Record<Family, string>>> = {
  integer: '1',
  number: '1',
  text: 'a',
  uuid: '00000000-0000-4000-8000-000000000000',
  date: '2000-01-01',
  time: '12:00',
  interval: '1 day',
  boolean: 'true',
  json: '{}',
  bytes: '\\x00',
  address: '127.0.0.1',
  relation: 'pg_class',
  configuration: 'simple',
  tsquery: 'a',
  jsonpath: '$.a',
  point: '(0,0)',
  box: '(1,1),(0,0)',
  circle: '<(0,0),1>',
  polygon: '((0,0),(1,1),(1,0))',
};

/** `numeric(10,2)` and `public.citext` as their plain names. */
const familyOf = (type: string): Family => families[type] ?? families[type.replace(/\(.*?\)/, '').trim()] ?? families[type.replace(/^.*\./, '')] ?? 'unknown';

const highest: Readonly<Record<string, bigint>> = { smallint: 32_767n, integer: 2_147_483_647n, oid: 4_294_967_295n, bigint: 9_223_372_036_854_775_807n };

function absentInteger(type: string, ordinal: number, present: readonly string[]): string {
  const most = present.reduce((found, value) => (/^-?\d+$/.test(value) && BigInt(value) > found ? BigInt(value) : found), 0n);
  const limit = highest[type] ?? (highest.bigint as bigint);
  const above = most + 1000n + BigInt(ordinal);
  return String(above <= limit ? above : limit - BigInt(ordinal));
}

function free(candidate: (again: number) => string, present: readonly string[]): string {
  for (let again = 0; ; again++) if (!present.includes(candidate(again))) return candidate(again);
}
