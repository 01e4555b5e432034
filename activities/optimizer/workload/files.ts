/** A workload of files, for where there is no pg_stat_statements: .sql files, server logs (`log_statement`, `log_min_duration_statement`), folders of them. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { AssayError } from '../../../domain/errors.ts';
import type { NotJudged, Statement } from '../../../domain/optimizer/model.ts';
import { rolesOf, type Workload } from '../../../domain/optimizer/workload.ts';
import type { CapturedValues } from '../bind/bind.ts';
import { isFault, parseAll, parserReady, tokens } from '../bind/tree.ts';
import { type LogFormat, loggedStatements } from './log-lines.ts';
import { type SentStatement, takenApart, valuesSent } from './sent.ts';

export interface FileWorkload extends Workload {
  /** Values that the files hold, by statement id; for `bindStatements`. They never leave the process. */
  readonly captured: ReadonlyMap<string, readonly CapturedValues[]>;
}

const formats: Readonly<Record<string, LogFormat>> = { '.log': 'stderr', '.csv': 'csvlog', '.json': 'jsonlog' };

/** Distinct sets of values kept for one statement. */
const MAX_CAPTURED = 20;

/**
 * Every statement of the files, taken as sent to `database`; calls: how often it stands there. Times are known only from logs with durations.
 * Folders are searched for .sql and for logs: .log (stderr), .csv (csvlog), .json (jsonlog). Throws usage where a path cannot be read or holds nothing.
 */
export async function workloadFromFiles(paths: readonly string[], database: string): Promise<FileWorkload> {
  await parserReady();
  const files = (await Promise.all(paths.map(filesOf))).flat();
  const found: Found = { statements: new Map(), captured: new Map(), notJudged: new Map(), msByRole: new Map() };
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(refuse(file));
    const format = formats[extname(file)];
    const sent = format === undefined ? sqlStatements(text) : loggedStatements(text, format);
    for (const one of sent) add(found, one, database);
  }
  if (found.statements.size + found.notJudged.size === 0) {
    throw new AssayError('usage', { reason: `no statement in ${paths.join(', ')}`, hint: 'name .sql files, server logs with statements, or folders of them' });
  }
  const ran = [...found.statements].map(([id, statement]) => ({ ...statement, ...rolesOf(found.msByRole.get(id)) }));
  const statements = ran.sort((a, b) => b.totalMs - a.totalMs || b.calls - a.calls);
  return { statements, captured: found.captured, notJudged: [...found.notJudged.values()], notices: [] };
}

async function filesOf(path: string): Promise<readonly string[]> {
  const { isDirectory } = await stat(path).then((found) => ({ isDirectory: found.isDirectory() }), refuse(path));
  if (!isDirectory) return [path];
  const names = await readdir(path, { recursive: true });
  return names
    .filter((name) => extname(name) === '.sql' || formats[extname(name)] !== undefined)
    .sort()
    .map((name) => join(path, name));
}

const refuse = (path: string) => (error: unknown) => {
  const reason = (error as { code?: string }).code === 'ENOENT' ? 'it is not there' : ((error as { code?: string }).code ?? 'unknown');
  throw new AssayError('usage', { reason: `cannot read ${path}: ${reason}`, hint: 'name .sql files, server logs with statements, or folders of them' });
};

/** One broken statement does not hide the others: what the parser refuses as a whole is cut at its semicolons. */
export function sqlStatements(text: string): readonly SentStatement[] {
  // commands of psql are no SQL
  const sql = text.replaceAll(/^\\.*$/gm, '');
  const parsed = parseAll(sql);
  const texts = isFault(parsed) ? cutAtSemicolons(sql) : parsed.map((one) => one.text);
  return texts.map((one) => ({ text: one.trim(), ms: 0, values: null, database: null, queryId: null })).filter((one) => one.text !== '');
}

function cutAtSemicolons(text: string): readonly string[] {
  const bytes = Buffer.from(text);
  const ends = scannable(text).filter((token) => token.text === ';');
  return [...ends, { start: bytes.length }].map(({ start }, index) => bytes.subarray(ends[index - 1]?.end ?? 0, start).toString());
}

/** A quote that never ends leaves nothing to cut. */
function scannable(text: string) {
  try {
    return tokens(text);
  } catch {
    return [];
  }
}

interface Found {
  readonly statements: Map<string, Statement>;
  readonly captured: Map<string, CapturedValues[]>;
  readonly notJudged: Map<string, NotJudged>;
  /** By statement id and role; where no time is known, by how often. */
  readonly msByRole: Map<string, Map<string, number>>;
}

/** So long counts a statement without a time. */
const UNTIMED_MS = 0.001;

function add({ statements, captured, notJudged, msByRole }: Found, sent: SentStatement, database: string): void {
  const apart = takenApart(sent.text);
  if (apart.normal === null) {
    const id = digest(apart.text);
    if (apart.notJudged !== null) notJudged.set(id, { statement: id, ...apart.notJudged });
    return;
  }
  const { text } = apart.normal;
  const id = digest(text);
  const before = statements.get(id);
  const counts = { calls: (before?.calls ?? 0) + 1, totalMs: (before?.totalMs ?? 0) + sent.ms, rows: 0, blocks: 0, tempBlocks: 0, walBytes: 0 };
  statements.set(id, { id, database, text, kind: apart.kind, ...counts });
  const byRole = msByRole.get(id) ?? new Map<string, number>();
  if (sent.role != null) msByRole.set(id, byRole.set(sent.role, (byRole.get(sent.role) ?? 0) + (sent.ms || UNTIMED_MS)));
  const values = valuesSent(apart.normal, sent.values);
  if (values !== null) keep(captured, id, values);
}

function keep(captured: Map<string, CapturedValues[]>, id: string, values: CapturedValues): void {
  const kept = captured.get(id) ?? [];
  const isKnown = kept.some((one) => JSON.stringify(one.values) === JSON.stringify(values.values));
  if (!isKnown && kept.length < MAX_CAPTURED) captured.set(id, [...kept, values]);
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);
