/** TPC-H for the optimizer's figures: data made in a throwaway folder, loaded into a cluster of its own; queries and other advisors' sets from a folder. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { osUser } from '../../activities/os-user.ts';
import { run } from '../../activities/process.ts';
import { btree } from '../../domain/optimizer/index-sql.ts';
import type { Bound, IndexDefinition } from '../../domain/optimizer/model.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';

const TABLES = ['region', 'nation', 'supplier', 'part', 'partsupp', 'customer', 'orders', 'lineitem'];
/** Left out by the literature: nested so that a bad plan takes for ever. */
export const WITHHELD = new Set(['02', '17', '20']);
const GENERATE_MS = 30 * 60_000;
const generator = new URL('./generate-tpch.py', import.meta.url).pathname;

/** CSV files of this scale in a folder that everyone may read; made by PyPI's duckdb in a virtual environment beside them. `drop` removes all of it. */
export async function generateTpch(scale: number): Promise<{ readonly folder: string; drop(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'assay-tpch-'));
  const drop = () => rmSync(folder, { recursive: true, force: true });
  try {
    const as = { ...osUser(), switched: false };
    const program = (...argv: [string, ...string[]]) => run({ argv, as, deadlineMs: GENERATE_MS });
    await program('python3', '-m', 'venv', join(folder, 'venv'));
    await program(join(folder, 'venv/bin/pip'), 'install', '--quiet', 'duckdb==1.5.5', 'duckdb-extension-tpch==1.5.5');
    await program(join(folder, 'venv/bin/python'), generator, String(scale), folder);
    // the server reads the files itself, under its own user
    chmodSync(folder, 0o755);
    return { folder, drop };
  } catch (error) {
    drop();
    throw error;
  }
}

/** Tables, rows, primary keys, statistics, HypoPG. */
export async function loadTpch(cluster: EmbeddedCluster, tpch: string, data: string): Promise<void> {
  await cluster.sql(readFileSync(join(tpch, 'schema.sql'), 'utf8'));
  for (const table of TABLES) await cluster.sql(`copy ${table} from '${join(data, `${table}.csv`)}' (format csv)`);
  await cluster.sql(readFileSync(join(tpch, 'keys.sql'), 'utf8'));
  await cluster.sql('vacuum (analyze)');
  await cluster.sql('create extension hypopg');
}

/** The 19 queries that searches are given, each called once; all 22 where asked. */
export function tpchQueries(tpch: string, isAll = false): Bound[] {
  const files = readdirSync(join(tpch, 'queries')).toSorted();
  const chosen = files.filter((file) => isAll || !WITHHELD.has(basename(file, '.sql')));
  return chosen.map((file) => {
    const text = readFileSync(join(tpch, 'queries', file), 'utf8');
    const counts = { calls: 1, totalMs: 0, rows: 0, blocks: 0, tempBlocks: 0, walBytes: 0 };
    const statement = { id: basename(file, '.sql'), database: 'postgres', text, kind: 'select' as const, ...counts };
    return { statement, text, parameterTypes: [], bindings: [{ source: 'captured', case: 'captured', values: [] }] };
  });
}

/** What a peer's CREATE INDEX statement makes; they know no more than plain columns. */
export function definitionOf(statement: string): IndexDefinition {
  const [, relation = '', keys = '', include = ''] = /\bon (\w+)(?: using btree)? ?\(([\w, ]+)\)(?: include \(([\w, ]+)\))?$/i.exec(statement) ?? [];
  if (relation === '') throw new TypeError(`no CREATE INDEX on plain columns: ${statement}`);
  const columns = (list: string) => list.split(',').flatMap((name) => name.trim() || []);
  return btree({ schema: 'public', relation }, columns(keys), columns(include));
}

/** CREATE INDEX statements of each set that another advisor chose, by name. */
export function peerSets(tpch: string): Map<string, readonly string[]> {
  const files = readdirSync(join(tpch, 'peers')).toSorted();
  const statements = (file: string) =>
    readFileSync(join(tpch, 'peers', file), 'utf8')
      .split(';')
      .map((text) => text.trim());
  return new Map(files.map((file) => [basename(file, '.sql'), statements(file).filter((text) => text !== '')]));
}
