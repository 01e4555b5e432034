/** Heap pages and B-tree indexes of one database, by PostgreSQL's own amcheck; deep: every heap row is looked for in its indexes. */
import { join } from 'node:path';
import type { ProofDepth } from '../../../domain/backup/model.ts';
import { ownerOf } from '../../os-user.ts';
import { startupOptions } from '../../pg.ts';
import { lastLines, run } from '../../process.ts';
import { findBinaries, majorOf } from '../clone/binaries.ts';
import { cloneConnection, cloneSettings, withClone } from '../clone/connection.ts';
import { foldersOf } from '../clone/layout.ts';
import { askIndexesAgain } from './amcheck-again.ts';
import { counted, type Finding, isLibraryMissing, type OnClone } from './result.ts';
import { addAmcheck } from './scaffold.ts';

const LONGEST_MS = 12 * 3_600_000;
const JOBS = 2;
const NAMED = 10;

/** Needs a promoted clone: the extension is created where the source has none. A database that cannot be checked is `unusable`, never a pass. */
export async function amcheck(on: OnClone, database: string, depth: ProofDepth): Promise<Finding> {
  const lacking = await addAmcheck(on, database);
  if (lacking !== null) return lacking;
  const { policy, clone, io } = on;
  const as = ownerOf(clone.directory);
  const { data } = foldersOf(clone.directory);
  const program = join(await findBinaries(majorOf(data, clone.id), policy.clone.binaries, as), 'pg_amcheck');
  const { host, port, user } = await cloneConnection(policy, clone);
  const target = ['-h', host, '-p', String(port), '-U', user, '--no-password', connectionString(database)];
  const deep = depth === 'deep' ? ['--heapallindexed'] : [];
  const relations = await countRelations(on, database);
  const env = { LC_ALL: 'C', PGOPTIONS: startupOptions(cloneSettings) };
  const result = await run({ argv: [program, '--jobs', String(JOBS), ...deep, ...target], as, env, deadlineMs: LONGEST_MS, accept: [0, 1, 2] }, io);
  const named = new Set(damagedObjects(result.stdout).map(({ name }) => name));
  const again = named.size === 0 ? NONE : await askIndexesAgain(on, { database, names: [...named], depth });
  return readOutput({ ...result, relations, depth, again });
}

const NONE: ReadonlyMap<string, string | null> = new Map();

/** A name may hold `=` or begin like an address: only this form is never taken for something else. */
const connectionString = (database: string): string => `dbname='${database.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

async function countRelations(on: OnClone, database: string): Promise<{ readonly heaps: number; readonly indexes: number }> {
  const { rows } = await withClone(on, { database }, (client) =>
    client.query<{ heaps: number; indexes: number }>(
      `/* assay backup */ select count(*) filter (where relkind in ('r', 'm', 't'))::int as heaps,
         count(*) filter (where relkind = 'i' and relam = (select oid from pg_catalog.pg_am where amname = 'btree'))::int as indexes
       from pg_catalog.pg_class where relpersistence <> 't'`,
    ),
  );
  return rows[0] ?? { heaps: 0, indexes: 0 };
}

export interface AmcheckOutput {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly relations: { readonly heaps: number; readonly indexes: number };
  readonly depth: ProofDepth;
  /** Indexes by name that were complained of without being damaged: why they cannot be checked, null where they are sound; default none. */
  readonly again?: ReadonlyMap<string, string | null>;
}

const OBJECT = /^(heap table|btree index) "(.+?)"(?:, (.*))?:$/;

/** Pure: from the program's output in the C locale. Status 2 is any error of any check, also such as lie in this host. */
export function readOutput({ status, stdout, stderr, relations, depth, again = NONE }: AmcheckOutput): Finding {
  // the text of an error raised by a user's function may hold rows
  const complaints = damagedObjects(stdout).map((each) => ({ ...each, message: again.get(each.name) ?? each.message }));
  const damage = complaints.filter(({ name }) => again.get(name) !== null);
  const { heaps, indexes } = relations;
  const amount = `${counted(heaps, 'table')} and ${indexes} B-tree ${indexes === 1 ? 'index' : 'indexes'}`;
  const isThrough = status === 0 || (status === 2 && complaints.length > 0 && !/error:/.test(stderr));
  if (isThrough && damage.length === 0 && !/skipping/.test(stderr)) {
    return { outcome: 'passed', because: [`${amount} sound${depth === 'deep' ? ', every row found in its indexes' : ''}`] };
  }
  const ofHost = damage.filter(
    ({ name, message }) =>
      again.has(name) || isLibraryMissing(message) || /No space left|out of memory|canceling statement|terminating connection/.test(message),
  );
  const real = damage.filter((each) => !ofHost.includes(each));
  const named = (found: typeof damage) => [...new Set(found.map(({ object, message }) => `${object}: ${message}`))].slice(0, NAMED);
  if (real.length > 0) {
    const objects = new Set(real.map(({ object }) => object)).size;
    return { outcome: 'failed', cause: 'index-or-heap-corrupt', because: [`${objects} of ${amount} damaged: ${named(real)[0]}`, ...named(real).slice(1)] };
  }
  if (ofHost.length > 0) {
    const cause = ofHost.some(({ message }) => isLibraryMissing(message)) ? 'missing-extension' : 'unknown';
    return { outcome: 'unusable', cause, because: named(ofHost) };
  }
  return { outcome: 'unusable', cause: 'amcheck-unavailable', because: [`pg_amcheck ended with status ${status}: ${lastLines(stderr, 2)}`] };
}

/** Objects with what amcheck says of them: places and counts, never values; the DETAIL of an index error is left out all the same. */
function damagedObjects(stdout: string): { readonly object: string; readonly name: string; readonly message: string }[] {
  const found: { object: string; name: string; message: string }[] = [];
  let current: { readonly object: string; readonly name: string } | null = null;
  for (const line of stdout.split('\n')) {
    const [, kind, name, place] = OBJECT.exec(line) ?? [];
    if (kind !== undefined && name !== undefined) current = { object: `${kind} ${name}${place === undefined ? '' : `, ${place}`}`, name };
    else if (current !== null && /^\s+\S/.test(line)) {
      found.push({ ...current, message: line.trim().replace(/^ERROR:\s+/, '') });
      current = null;
    }
  }
  return found;
}
