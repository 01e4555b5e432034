/** Databases that come, go and change their names between the markers and the moment that is proven. */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { type Control, openControl } from '../../activities/control/control-database.ts';
import type { CertificateBody } from '../../domain/backup/certificate-schema.ts';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import { fleetQueue, workflowIds } from '../../domain/ids.ts';
import { freshKey, startBackup, startProof, useFleet } from '../support/fleet.ts';

const fleet = useFleet();
let control: Control;

const sql = (text: string, database?: string) => fleet.get().cluster.sql(text, database === undefined ? {} : { database });
const filled = async (database: string, value: string) => {
  await sql(`create database ${database}`);
  await sql(`create table held (v text, o regclass default 'pg_class', j json default '{}'); insert into held values ('${value}')`, database);
};

async function work(workflow: 'backupFingerprint' | 'backupRestorePoint', input: object = {}): Promise<void> {
  const client = await fleet.get().client();
  const key = freshKey();
  const workflowId = workflow === 'backupFingerprint' ? workflowIds.backupFingerprint('shop', key) : workflowIds.backupRestorePoint('shop', key);
  await client.workflow.execute(workflow, { workflowId, taskQueue: fleetQueue, args: [{ cluster: 'shop', policy: fleet.get().policy(), ...input }] });
}

const proven = async (name: string): Promise<ProofSummary> => (await startProof(fleet.get(), { target: { kind: 'name', name } })).result();
const coverageOf = ({ certificate }: ProofSummary) => (JSON.parse(readFileSync(certificate.json, 'utf8')) as { body: CertificateBody }).body.coverage;
const whole = (proof: ProofSummary) =>
  coverageOf(proof)
    .notCovered.filter(({ object, reason }) => object === null && reason !== 'database-excluded')
    .map(({ database, reason }) => `${database} ${reason}`);

beforeAll(async () => {
  for (const name of ['stays', 'anew', 'goes', 'named']) await filled(name, `first ${name}`);
  await (await startBackup(fleet.get(), { prove: 'none' })).result();
  await work('backupFingerprint');
  control = await openControl(fleet.get().control.url);
  return () => control.close();
}, 180_000);

test('what came after the markers is not covered and says so; what kept its identity is, under any name; what is gone counts for nothing', async () => {
  await filled('comes', 'second');
  await sql('drop database anew');
  await filled('anew', 'second anew');
  await sql('drop database goes');
  await sql('alter database named rename to renamed');
  await work('backupRestorePoint', { name: 'after' });
  const proof = await proven('after');
  expect(proof).toMatchObject({ verdict: 'proven', level: 'content' });
  expect(whole(proof)).toEqual(['anew created-after-marker', 'comes created-after-marker']);
  expect(proof.found?.filter((text) => text.includes('not compared'))).toEqual([
    expect.stringMatching(/^database anew was not compared: created after .* for the newest marker, of 20.*Z, which is of another database of this name$/),
    expect.stringMatching(/^database comes was not compared: created after .* for the newest marker, of 20.*Z$/),
  ]);
  const coverage = coverageOf(proof);
  const { databases, databasesCovered, share, largestTables } = coverage;
  const before = await fleet.get().cluster.sql<{ n: number }>("select count(*)::int as n from pg_database where datname !~ 'template[01]'");
  expect({ databases, uncovered: databases - databasesCovered }).toEqual({ databases: before[0]?.n, uncovered: 2 });
  expect(share).toBeLessThan(1);
  // of those there, under the name their marker gives them
  expect(new Set(largestTables.map(({ database }) => database))).toEqual(new Set(['named', 'postgres', 'stays']));
}, 120_000);

test('the next markers know them: then all is covered', async () => {
  await work('backupFingerprint');
  await work('backupRestorePoint', { name: 'known' });
  const proof = await proven('known');
  expect(proof).toMatchObject({ verdict: 'proven', level: 'content' });
  expect(proof.found?.filter((text) => text.includes('not compared'))).toEqual([]);
  expect(whole(proof)).toEqual([]);
}, 120_000);

test('a database that the markers knew and that has none is no newcomer: the proof is inconclusive', async () => {
  await control.em().execute("delete from assay_control.marker where database = 'comes'");
  const proof = await proven('known');
  expect(proof).toMatchObject({ verdict: 'inconclusive', cause: 'no-marker', because: ['comes: no marker of database comes was compared'] });
}, 120_000);

test('markers that do not say which databases there were excuse nothing', async () => {
  await control.em().execute("update assay_control.marker set head = head - 'knownDatabases' - 'databaseOid'");
  await filled('late', 'third');
  await work('backupRestorePoint', { name: 'unsaid' });
  const proof = await proven('unsaid');
  expect(proof).toMatchObject({ verdict: 'inconclusive', cause: 'no-marker' });
  expect(proof.because.join()).toContain('no marker of database late was compared');
}, 120_000);
