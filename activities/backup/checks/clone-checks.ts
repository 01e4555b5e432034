/** All checks on a clone, in the order in which they can be made: paused, promoted, stopped. */
import type { CheckResult, Marker, ProofDepth } from '../../../domain/backup/model.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import { withConnection } from '../../pg.ts';
import { majorOf } from '../clone/binaries.ts';
import { cloneDatabases, withClone } from '../clone/connection.ts';
import { foldersOf } from '../clone/layout.ts';
import { stopServer } from '../clone/server.ts';
import { fingerprintSettings } from '../marker/fingerprint.ts';
import type { CloneChecks, ReadSecret } from '../ports.ts';
import { newestWitness } from '../source/witness.ts';
import { amcheck } from './amcheck.ts';
import { targetReached } from './arrival.ts';
import { assertion } from './assertions.ts';
import { constraints } from './constraints.ts';
import { fingerprints } from './fingerprints.ts';
import { changedCollations, missingLibraries } from './fitness.ts';
import { pageChecksums } from './page-checksums.ts';
import { checked, type Finding, type OnClone } from './result.ts';
import { createChecker, dropAmcheck, dropChecker } from './scaffold.ts';
import { sequences } from './sequences.ts';
import { snapshotEquivalence } from './snapshot-equivalence.ts';
import { sameSystem } from './system-identifier.ts';
import { withBeat } from './with-beat.ts';
import { sameWitness } from './witness.ts';

export interface CheckDependencies {
  readonly readSecret: ReadSecret;
}

export function createCloneChecks({ readSecret }: CheckDependencies): CloneChecks {
  return {
    arrival: async (policy, clone, stop) => [
      await checked('target-reached', null, async () => targetReached(stop.target, stop.reached)),
      await checked('system-identifier', null, async () =>
        sameSystem(await identifierOf({ policy, clone }), stop.systemIdentifier ?? (await sourceIdentifier(policy, readSecret))),
      ),
    ],
    content: (policy, clone, marker, reached, io) => withBeat(io, `content of ${marker.database}`, () => content({ policy, clone, io }, marker, reached)),
    structure: (policy, clone, options, io) => withBeat(io, 'structure', () => structure({ policy, clone, io }, options)),
    databases: cloneDatabases,
    newestWitness: (policy, clone) => withClone({ policy, clone }, { database: policy.connection.database }, newestWitness),
  };
}

async function content(on: OnClone, marker: Marker, reached: Parameters<CloneChecks['content']>[3]): Promise<CheckResult[]> {
  const { database } = marker;
  const settings = fingerprintSettings;
  const equivalence = await checked('snapshot-equivalence', database, () =>
    withClone(on, { database, settings }, (client) => snapshotEquivalence(client, marker, reached)),
  );
  // against another moment every comparison would find differences that mean nothing
  if (equivalence.outcome !== 'passed') return [equivalence];
  return [
    equivalence,
    await checked('witness', database, async () => sameWitness(marker, await withClone(on, { database }, newestWitness))),
    await checked('sequences', database, () => withClone(on, { database }, (client) => sequences(client, marker))),
    await checked('fingerprints', database, () => fingerprints(on, marker)),
  ];
}

async function structure(on: OnClone, { depth }: { readonly depth: ProofDepth }): Promise<CheckResult[]> {
  const { policy, clone } = on;
  const folders = foldersOf(clone.directory);
  const major = Number.parseInt(majorOf(folders.data, clone.id), 10);
  const databases = await cloneDatabases(policy, clone);
  await createChecker(on);
  const results: CheckResult[] = [];
  for (const { name: database } of databases) {
    results.push(await checked('amcheck', database, async () => (await unfitness(on, database, major)) ?? amcheck(on, database, depth)));
    results.push(await checked('constraints', database, () => constraints(on, { database, depth, major })));
  }
  for (const asked of policy.proof.assertions) results.push(await checked('assertions', asked.database, () => assertion(on, asked)));
  for (const { name } of databases) await dropAmcheck(on, name);
  await dropChecker(on);
  await stopServer(folders);
  results.push(await checked('page-checksums', null, () => pageChecksums(on)));
  return results;
}

/** An index sorted by another collation looks corrupt and is not: where the host cannot judge, nothing is judged. */
const unfitness = (on: OnClone, database: string, major: number): Promise<Finding | null> =>
  withClone(on, { database }, async (client) => (await missingLibraries(client)) ?? (await changedCollations(client, major)));

const identifierSql = '/* assay backup */ select system_identifier::text as id from pg_catalog.pg_control_system()';

async function identifierOf(on: Pick<OnClone, 'policy' | 'clone'>): Promise<string> {
  const { rows } = await withClone(on, {}, (client) => client.query<{ id: string }>(identifierSql));
  return rows[0]?.id ?? '';
}

/** null where it does not answer. A proof needs no living source: the engine compared the identifier with its catalogue when it restored. */
async function sourceIdentifier(policy: ClusterPolicy, readSecret: ReadSecret): Promise<string | null> {
  try {
    return await withConnection(policy.connection, readSecret, {}, async (client) => (await client.query<{ id: string }>(identifierSql)).rows[0]?.id ?? null);
  } catch {
    return null;
  }
}
