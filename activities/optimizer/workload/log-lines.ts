/**
 * Statements in a plain server log (`log_destination = stderr`), whatever its log_line_prefix.
 * Source: PostgreSQL manual, 20.8 "Error Reporting and Logging": lines of one message after its first begin with a tab.
 */

export interface LoggedStatement {
  readonly text: string;
  /** 0: not logged. */
  readonly ms: number;
  /** Of `$1`, `$2`, …; null: none are given. */
  readonly values: readonly (string | null)[] | null;
}

/** `duration: 1.2 ms  statement: …`, `statement: …`, `execute name: …`, each with the parameters of its DETAIL. */
export function loggedStatements(log: string): readonly LoggedStatement[] {
  const found: LoggedStatement[] = [];
  // the DETAIL of a message follows it at once
  let isLast = false;
  for (const message of messages(log)) {
    const [, ms, text] = /\bLOG: {2}(?:duration: ([\d.]+) ms {2})?(?:statement|execute [^:]*): ([\s\S]*)$/.exec(message) ?? [];
    const [, parameters] = /\bDETAIL: {2}(?:parameters|Parameters): ([\s\S]*)$/.exec(message) ?? [];
    if (text !== undefined) found.push({ text, ms: Number(ms ?? 0), values: null });
    else if (parameters !== undefined && isLast) found.push({ ...(found.pop() as LoggedStatement), values: parameterValues(parameters) });
    isLast = text !== undefined;
  }
  return found;
}

function messages(log: string): readonly string[] {
  const found: string[] = [];
  for (const line of log.split(/\r?\n/)) {
    if (line.startsWith('\t')) found.push(`${found.pop() ?? ''}\n${line.slice(1)}`);
    else found.push(line);
  }
  return found;
}

/** `$1 = 'it''s', $2 = NULL`; null where a value was cut off (log_parameter_max_length). */
function parameterValues(text: string): readonly (string | null)[] | null {
  const values: (string | null)[] = [];
  const entry = /\$\d+ = (?:NULL|'((?:[^']|'')*)'(\.\.\.)?)(?:, |$)/y;
  while (entry.lastIndex < text.length) {
    const match = entry.exec(text);
    if (match === null || match[2] !== undefined || match[1]?.endsWith('...')) return null;
    values.push(match[1]?.replaceAll("''", "'") ?? null);
  }
  return values;
}
