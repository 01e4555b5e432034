/** A workload of files, for where there is no pg_stat_statements: .sql files, server logs (`log_statement`, `log_min_duration_statement`), folders of them. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { AssayError } from '../../../domain/errors.ts';
import type { NotJudged, Statement } from '../../../domain/optimizer/model.ts';
import { rolesOf, type Workload } from '../../../domain/optimizer/workload.ts';
import type { CapturedValues } from '../bind/bind.ts';
import { isFault, parseAll, parserReady, tokens } from '../bind/tree.ts';
import { type LogFormat, loggedStatements } from './log-lines.ts';
import { type SentStatement, type TakenApart, takenApart, valuesSent } from './sent.ts';

export interface FileWorkload extends Workload {
  /** Values that the files hold, by statement id; for `bindStatements`. They never leave the process. */
  readonly captured: ReadonlyMap<string, readonly CapturedValues[]>;
}

const formats: Readonly<Record<string, LogFormat>> = { '.log': 'stderr', '.csv': 'csvlog', '.json': 'jsonlog' };

/** Distinct sets of values kept for one statement. */
const MAX_CAPTURED = 20;

/**
 * Every statement of the files; calls: how often it stands there. Times are known only from logs with durations. What a log says was sent to another
 * database is that one's, unless it holds nothing of `database`: then it is a log of somewhere else, and all of it is taken as sent to `database`.
 * Folders are searched for .sql and for logs: .log (stderr), .csv (csvlog), .json (jsonlog), rotated (.log.1) and compressed (.gz) too.
 * `linePrefix`: log_line_prefix of the cluster. Throws usage where a path cannot be read or holds nothing.
 */
export async function workloadFromFiles(paths: readonly string[], database: string, linePrefix = ''): Promise<FileWorkload> {
  await parserReady();
  const files = (await Promise.all(paths.map(filesOf))).flat();
  const sent: SentStatement[] = [];
  for (const file of files) {
    const text = await textOf(file).catch(refuse(file));
    const format = formatOf(file);
    const all = format === undefined ? sqlStatements(text) : loggedStatements(text, format, format === 'stderr' ? prefixIn(text, database, linePrefix) : '');
    // one by one: a log may hold more than a call takes arguments
    for (const one of all) sent.push(one);
  }
  const elsewhere = new Set(sent.some((one) => one.database === database) ? [] : sent.flatMap((one) => one.database ?? []));
  const found: Found = { statements: new Map(), captured: new Map(), notJudged: new Map(), msByRole: new Map(), apart: new Map() };
  for (const [place, one] of sent.entries()) {
    // the worker beats meanwhile: a step that is silent for ten seconds is begun anew beside itself
    if (place % AT_A_TIME === 0) await turn();
    add(found, elsewhere.size > 0 ? { ...one, database } : one, database);
  }
  if (found.statements.size + found.notJudged.size === 0) {
    throw new AssayError('usage', { reason: `no statement in ${paths.join(', ')}`, hint: 'name .sql files, server logs with statements, or folders of them' });
  }
  const ran = [...found.statements].map(([id, statement]) => ({ ...statement, ...rolesOf(found.msByRole.get(id)) }));
  const statements = ran.sort((a, b) => b.totalMs - a.totalMs || b.calls - a.calls);
  const said = `no statement of the files was sent to ${database}: those of ${[...elsewhere].sort().slice(0, 5).join(', ')} are taken as if they were`;
  return { statements, captured: found.captured, notJudged: [...found.notJudged.values()], notices: elsewhere.size === 0 ? [] : [said] };
}

/** `postgresql-15-main.log.1`, `server.csv.gz`, `postgresql.log-20261121` are logs, too. */
function formatOf(file: string): LogFormat | undefined {
  const [, ending = extname(file)] = /(\.(?:log|csv|json))(?:[.-]\d[\d._-]*)?(?:\.gz)?$/.exec(basename(file)) ?? [];
  return formats[ending];
}

async function textOf(file: string): Promise<string> {
  const bytes = await readFile(file);
  return (extname(file) === '.gz' ? await promisify(gunzip)(bytes) : bytes).toString();
}

/** Of Debian, pgBadger's manual, Amazon RDS. */
const usualPrefixes = ['%m [%p] %q%u@%d ', '%t [%p]: [%l-1] user=%u,db=%d ', '%t [%p]: user=%u,db=%d,app=%a,client=%h ', '%t:%r:%u@%d:[%p]:'];
/** Of a log, to tell its prefix. */
const ENOUGH = 200_000;

/** By which lines say database and role: the cluster's own, or where the log was written with another one, a usual one by which something was sent to `database`. */
function prefixIn(log: string, database: string, ofCluster: string): string {
  const some = log.slice(0, ENOUGH);
  const fits = (prefix: string, isIt: (name: string | null) => boolean) => loggedStatements(some, 'stderr', prefix).some((one) => isIt(one.database));
  if (fits(ofCluster, (name) => name !== null)) return ofCluster;
  return usualPrefixes.find((prefix) => fits(prefix, (name) => name === database)) ?? ofCluster;
}

async function filesOf(path: string): Promise<readonly string[]> {
  const { isDirectory } = await stat(path).then((found) => ({ isDirectory: found.isDirectory() }), refuse(path));
  if (!isDirectory) return [path];
  const names = await readdir(path, { recursive: true });
  return names
    .filter((name) => extname(name) === '.sql' || formatOf(name) !== undefined)
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

/** Statements between two turns of the event loop. */
const AT_A_TIME = 100;
/** Texts that are remembered: an application sends few, each of them often. */
const MOST_TEXTS = 5_000;

interface Found {
  readonly apart: Map<string, TakenApart>;
  readonly statements: Map<string, Statement>;
  readonly captured: Map<string, CapturedValues[]>;
  readonly notJudged: Map<string, NotJudged>;
  /** By statement id and role; where no time is known, by how often. */
  readonly msByRole: Map<string, Map<string, number>>;
}

/** So long counts a statement without a time. */
const UNTIMED_MS = 0.001;

function add({ statements, captured, notJudged, msByRole, apart: known }: Found, sent: SentStatement, database: string): void {
  const apart = known.get(sent.text) ?? takenApart(sent.text);
  if (known.size < MOST_TEXTS) known.set(sent.text, apart);
  if (apart.normal === null) {
    const id = digest(apart.text);
    if (apart.notJudged !== null) notJudged.set(id, { statement: id, ...apart.notJudged });
    return;
  }
  const { text } = apart.normal;
  const isOther = sent.database !== null && sent.database !== database;
  const id = digest(isOther ? `${sent.database}\n${text}` : text);
  const before = statements.get(id);
  const counts = { calls: (before?.calls ?? 0) + 1, totalMs: (before?.totalMs ?? 0) + sent.ms, rows: 0, blocks: 0, tempBlocks: 0, walBytes: 0 };
  statements.set(id, { id, database: sent.database ?? database, text, kind: apart.kind, ...counts });
  if (isOther) return;
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
