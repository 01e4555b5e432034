/**
 * Statements in a server log: stderr with whatever log_line_prefix, csvlog, jsonlog; by log_statement, log_min_duration_statement or auto_explain (its text
 * and JSON formats). Sources: PostgreSQL manual, 20.8 "Error Reporting and Logging", F.4 "auto_explain".
 */
import { csvRecords } from './log-csv.ts';
import type { SentStatement } from './sent.ts';

export type LogFormat = 'stderr' | 'csvlog' | 'jsonlog';

/** One message of the server, whatever the format of its log. */
interface Message {
  readonly text: string;
  readonly detail: string | null;
  readonly database: string | null;
  readonly role: string | null;
  readonly queryId: string | null;
}

/** `linePrefix`: log_line_prefix, by which the database of a line in `stderr` is known; left out: it is not. A part of a message at either end is left out. */
export function loggedStatements(log: string, format: LogFormat = 'stderr', linePrefix = ''): readonly SentStatement[] {
  const messages = { stderr: () => fromLines(log, linePrefix), csvlog: () => fromCsv(log), jsonlog: () => fromJson(log) }[format]();
  return messages.flatMap((message) => sentOf(message) ?? []);
}

/** `duration: 1.2 ms  statement: …`, `statement: …`, `execute name: …` with the parameters of its DETAIL, `duration: 1.2 ms  plan: …`. */
function sentOf({ text, detail, database, role, queryId }: Message): SentStatement | null {
  const [, ms, rest = ''] = /^(?:duration: ([\d.]+) ms {2})?([\s\S]*)$/.exec(text) ?? [];
  const [, statement] = /^(?:statement|execute [^:]*): ([\s\S]*)$/.exec(rest) ?? [];
  const explained = rest.startsWith('plan:\n') ? explainedQuery(rest.slice('plan:\n'.length)) : null;
  const known = explained ?? (statement === undefined ? null : { text: statement, parameters: /^parameters: ([\s\S]*)$/i.exec(detail ?? '')?.[1] ?? null });
  if (known === null) return null;
  const values = known.parameters === null ? null : parameterValues(known.parameters);
  return { text: known.text, ms: Number(ms ?? 0), values, database, role, queryId };
}

function explainedQuery(plan: string): { readonly text: string; readonly parameters: string | null } | null {
  if (plan.startsWith('{')) {
    const { 'Query Text': text, 'Query Parameters': parameters } = parsedJson(plan);
    return typeof text === 'string' ? { text, parameters: typeof parameters === 'string' ? parameters : null } : null;
  }
  const lines = plan.split('\n');
  // the text goes on until its parameters, or until the first node with its costs
  const node = lines.findIndex((line) => line.includes('(cost='));
  if (node === -1 || !plan.startsWith(QUERY_TEXT)) return null;
  const own = lines.slice(0, node);
  const at = own.findLastIndex((line) => line.startsWith(QUERY_PARAMETERS));
  const text = own.slice(0, at === -1 ? node : at).join('\n');
  const parameters = at === -1 ? null : own.slice(at).join('\n').slice(QUERY_PARAMETERS.length);
  return { text: text.slice(QUERY_TEXT.length), parameters };
}

const QUERY_TEXT = 'Query Text: ';
const QUERY_PARAMETERS = 'Query Parameters: ';

/** No server writes one; what looks like it is somebody's text. */
const LONGEST_PREFIX = 1_000;

/** Lines of one message after its first begin with a tab; a DETAIL follows its message at once. */
function fromLines(log: string, linePrefix: string): readonly Message[] {
  const head = prefixPattern(linePrefix);
  const found: Message[] = [];
  let isLast = false;
  for (const line of joined(log)) {
    const [, before = '', severity, text = ''] = /^(.*?)\b(LOG|DETAIL|[A-Z]+[0-9]?): {2}([\s\S]*)$/.exec(line) ?? [];
    if (severity === 'LOG') {
      const { database = null, role = null, queryId = null } = (before.length > LONGEST_PREFIX ? null : head.exec(before))?.groups ?? {};
      found.push({ text, detail: null, database: database?.trim() || null, role: role?.trim() || null, queryId: queryId === '0' ? null : queryId });
    } else if (severity === 'DETAIL' && isLast) found.push({ ...(found.pop() as Message), detail: text });
    isLast = severity === 'LOG';
  }
  return found;
}

function joined(log: string): readonly string[] {
  const found: string[] = [];
  // a last line without its end is still being written
  for (const line of log.split(/\r?\n/).slice(0, -1)) {
    if (line.startsWith('\t')) found.push(`${found.pop() ?? ''}\n${line.slice(1)}`);
    else found.push(line);
  }
  return found;
}

/** Colons of its own are no end of it. */
const MOMENT = '\\d+-\\d\\d-\\d\\d [\\d:.]+ [^\\s:]+';

/** log_line_prefix as a pattern that finds the database (%d), the role (%u) and the queryid (%Q). After %q comes what only sessions have. */
function prefixPattern(linePrefix: string): RegExp {
  const named = new Set<string>();
  // a name may stand in a pattern once
  const group = (name: string, form: string) => (named.has(name) ? form : named.add(name) && `(?<${name}>${form})`);
  const pattern = linePrefix.replaceAll(/%-?\d*([A-Za-z%])|([.*+?^${}()|[\]\\])/g, (_, word: string | undefined, sign: string | undefined) => {
    if (word === undefined) return `\\${sign}`;
    if (word === 'd') return group('database', '.*?');
    if (word === 'u') return group('role', '.*?');
    if (word === 'Q') return group('queryId', '-?\\d+');
    return { '%': '%', q: '', m: MOMENT, t: MOMENT, s: MOMENT }[word] ?? '.*?';
  });
  return new RegExp(`^${pattern.trimEnd()} *$`);
}

/** Columns by their place: PostgreSQL 13 has 23 of them, 14 and newer 26. */
const fromCsv = (log: string): readonly Message[] =>
  csvRecords(log)
    .filter((fields) => fields.length >= 23)
    .map((fields) => ({ text: fields[13] ?? '', detail: fields[14] || null, database: fields[2] || null, role: fields[1] || null, queryId: idOf(fields[25]) }));

const fromJson = (log: string): readonly Message[] =>
  log.split('\n').map((line) => {
    const { message, detail, dbname, user, query_id: id } = parsedJson(line);
    const text = (value: unknown) => (typeof value === 'string' ? value : null);
    // a number of 64 bits is not read exactly
    const [, digits] = /"query_id":(-?\d+)/.exec(line) ?? [];
    return { text: text(message) ?? '', detail: text(detail), database: text(dbname), role: text(user), queryId: id === undefined ? null : idOf(digits) };
  });

const idOf = (text: string | undefined): string | null => (text === undefined || text === '' || text === '0' ? null : text);

/** What Node says of a broken text quotes it: nothing is said. */
function parsedJson(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

/** `$1 = 'it''s', $2 = NULL`; null where a value was cut off (log_parameter_max_length). */
function parameterValues(text: string): readonly (string | null)[] | null {
  const values: (string | null)[] = [];
  const entry = /\$\d+ = (?:NULL|'([^']*(?:''[^']*)*)'(\.\.\.)?)(?:, |$)/y;
  while (entry.lastIndex < text.length) {
    const match = entry.exec(text);
    if (match === null || match[2] !== undefined || match[1]?.endsWith('...')) return null;
    values.push(match[1]?.replaceAll("''", "'") ?? null);
  }
  return values;
}
