/**
 * One text for one value, so that two programs that hold the same document sign the same bytes.
 * Source: RFC 8785, JSON Canonicalization Scheme. JavaScript's own number and string forms are the ones it names.
 */

// with the u flag a surrogate matches only where its partner is missing
const LONE_SURROGATE = /\p{Surrogate}/u;
const UNFIT = /\p{Surrogate}|\0/u;
const ALL_UNFIT = new RegExp(UNFIT, 'gu');
/** Elements of a long list that are written at once. */
const ELEMENTS = 200;

/**
 * Keys sorted by UTF-16 code unit, no white space. `undefined` members are left out, as JSON does.
 * Throws RangeError on what JSON cannot say: NaN, infinities, bigint, functions, lone surrogates.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return canonicalNumber(value);
  if (typeof value === 'string') return canonicalString(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object') throw new RangeError(`no canonical form of a ${typeof value}`);
  return `{${membersOf(value)
    .map(([key, member]) => `${canonicalString(key)}:${canonicalJson(member)}`)
    .join(',')}}`;
}

/** The same text in pieces: a document whose long lists are its own members is never one string. Throws as `canonicalJson` does. */
export function* canonicalPieces(document: object): Generator<string> {
  let before = '{';
  for (const [key, member] of membersOf(document)) {
    yield `${before}${canonicalString(key)}:`;
    yield* Array.isArray(member) && member.length > ELEMENTS ? piecesOfList(member) : [canonicalJson(member)];
    before = ',';
  }
  yield before === '{' ? '{}' : '}';
}

function* piecesOfList(elements: readonly unknown[]): Generator<string> {
  for (let from = 0; from < elements.length; from += ELEMENTS) {
    const some = elements.slice(from, from + ELEMENTS).map(canonicalJson);
    yield `${from === 0 ? '[' : ','}${some.join(',')}`;
  }
  yield ']';
}

const membersOf = (value: object): [string, unknown][] =>
  Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`no canonical form of ${value}`);
  return JSON.stringify(value);
}

function canonicalString(value: string): string {
  if (LONE_SURROGATE.test(value)) throw new RangeError('no canonical form of a lone surrogate');
  return JSON.stringify(value);
}

/**
 * The same value with every string fit for JSON, jsonb and UTF-8 files: lone surrogates (a text cut in the middle of a
 * character) and NUL become U+FFFD. Evidence must be kept whatever a table is called.
 */
export function wellFormed<T>(value: T): T {
  if (typeof value === 'string') return value.replace(ALL_UNFIT, '\ufffd') as T;
  if (Array.isArray(value)) return value.map(wellFormed) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [wellFormed(key), wellFormed(member)])) as T;
}

/** Whether `wellFormed` would change nothing. */
export function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return !UNFIT.test(value);
  if (Array.isArray(value)) return value.every(isWellFormed);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, member]) => isWellFormed(key) && isWellFormed(member));
}
