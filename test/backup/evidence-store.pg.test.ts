/** Evidence and markers in a real control database, and the same as files. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createEvidenceStore } from '../../activities/backup/evidence/evidence-store.ts';
import { createFileEvidence } from '../../activities/backup/evidence/file-evidence.ts';
import { verifyCertificates } from '../../activities/backup/evidence/verify.ts';
import { type Control, openControl } from '../../activities/control/control-database.ts';
import { markerDigest, settledMarker } from '../../activities/control/marker-digest.ts';
import { createMarkerStore } from '../../activities/control/marker-store.ts';
import { gaugeProofs } from '../../activities/control/proof-gauges.ts';
import type { Marker } from '../../domain/backup/model.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { certificateDocument, listBackups, listCertificates, listProofs, newestProofs } from '../support/control-queries.ts';
import { exampleBackup, exampleFingerprint, exampleMarker, failedExample, hostile, inconclusiveExample, provenExample } from './certificate-examples.ts';
import { testFolder, testKey } from './evidence-support.ts';

const { pem, signer } = testKey();
let cluster: EmbeddedCluster;
let control: Control;
let url: string;
let policy: ClusterPolicy;
let number = 0;

beforeAll(async () => {
  cluster = await testCluster({ stanzaCreate: false, settings: { archive_mode: 'off' } });
});

beforeEach(async () => {
  number += 1;
  await cluster.sql(`create database evidence_${number}`);
  url = `postgres://postgres@localhost:${cluster.port}/evidence_${number}?host=${encodeURIComponent(cluster.socketDirectory)}`;
  control = await openControl(url);
  await control.migrate();
  policy = cluster.policy((made) => ({ ...made, cluster: 'shop', evidenceDirectory: testFolder() }));
});

afterEach(async () => {
  await control.close();
});

const storeOf = (of: Control) => createEvidenceStore({ control: of, readSecret: () => pem, signingKey: 'env:KEY' });

describe('certificates', () => {
  test('are chained per cluster, failed and inconclusive ones too, in files and in the database', async () => {
    const store = storeOf(control);
    for (const { proof } of [provenExample(), failedExample(), inconclusiveExample()]) await store.issue(policy, proof);
    const other = provenExample({ cluster: 'other' }).proof;
    await store.issue({ ...policy, cluster: 'other' }, other);
    const report = await verifyCertificates(policy.evidenceDirectory, signer.publicKeyPem);
    expect(report).toMatchObject({
      valid: true,
      chains: [
        { cluster: 'other', certificates: 1 },
        { cluster: 'shop', certificates: 3, verdicts: { proven: 1, failed: 1, inconclusive: 1 } },
      ],
    });
    const [newest] = await listCertificates(control, 'shop');
    expect(newest).toMatchObject({ sequence: 3, hash: report.chains[1]?.head?.hash });
    expect(await certificateDocument(control, newest?.proof ?? '')).toBe(readFileSync(newest?.json ?? '', 'utf8'));
  });

  test('name the tables of their markers with age and equality', async () => {
    const { proof, markers } = provenExample();
    const store = createMarkerStore(control);
    for (const marker of markers) await store.save(marker);
    const { certificate } = await storeOf(control).issue(policy, proof);
    const { body } = JSON.parse(readFileSync(certificate.json, 'utf8'));
    expect(body.coverage.largestTables[0]).toMatchObject({ database: 'shop', table: 'order_items' });
    expect(body.markers.map((marker: { digest: string }) => marker.digest)).toEqual(markers.map((marker) => markerDigest(settledMarker(marker))));
  });

  test('the same proof from two workers at once is one certificate', async () => {
    const second = await openControl(url);
    const { proof } = provenExample();
    const summaries = await Promise.all([control, second, control, second].map((one) => storeOf(one).issue(policy, proof)));
    expect(new Set(summaries.map((summary) => summary.certificate.json)).size).toBe(1);
    expect(await listCertificates(control, 'shop')).toHaveLength(1);
    await second.close();
  });

  test('a retry that tells the same proof otherwise does not change what was certified', async () => {
    const { proof } = failedExample();
    await storeOf(control).issue(policy, proof);
    const again = await storeOf(control).issue(policy, provenExample({ id: proof.id }).proof);
    expect(again).toMatchObject({ verdict: 'failed', level: null, cause: 'wal-gap' });
    expect(await listProofs(control, 'shop')).toMatchObject([{ verdict: { verdict: 'failed' } }]);
  });

  test('many proofs from two workers and a cold start at once are one chain', async () => {
    const second = await openControl(url);
    const cold = createFileEvidence(policy.evidenceDirectory, { signer }).evidence;
    const stores = [storeOf(control), storeOf(second), cold];
    await Promise.all(Array.from({ length: 9 }, (_, at) => stores[at % 3]?.issue(policy, provenExample().proof)));
    await storeOf(control).issue(policy, provenExample().proof);
    expect(await verifyCertificates(policy.evidenceDirectory, signer.publicKeyPem)).toMatchObject({ valid: true, chains: [{ certificates: 10 }] });
    expect((await listCertificates(control, 'shop')).map((entry) => entry.sequence)).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    await second.close();
  });

  test('a lost evidence folder is written again byte for byte, pages included', async () => {
    const store = storeOf(control);
    const first = await store.issue(policy, provenExample().proof);
    await store.issue(policy, failedExample().proof);
    const before = readFileSync(first.certificate.json, 'utf8');
    rmSync(policy.evidenceDirectory, { recursive: true });
    await store.issue(policy, provenExample().proof);
    expect(readFileSync(first.certificate.json, 'utf8')).toBe(before);
    expect(await verifyCertificates(policy.evidenceDirectory, signer.publicKeyPem)).toMatchObject({ valid: true, notes: [], chains: [{ certificates: 3 }] });
  });

  test('a chain whose head was exchanged is refused, not continued', async () => {
    const store = storeOf(control);
    const { certificate } = await store.issue(policy, provenExample().proof);
    const text = readFileSync(certificate.json, 'utf8');
    writeFileSync(certificate.json, text.replace('"production"', '"dev"'));
    await expect(store.issue(policy, provenExample().proof)).rejects.toMatchObject({ code: 'certificate-invalid', values: { file: certificate.json } });
  });

  test('a certificate of a foreign key in the folder is not taken over', async () => {
    const stranger = testKey();
    await createFileEvidence(policy.evidenceDirectory, { signer: stranger.signer }).evidence.issue(policy, provenExample().proof);
    await expect(storeOf(control).issue(policy, provenExample().proof)).rejects.toMatchObject({ code: 'certificate-invalid' });
  });

  test('hostile text in a proof is kept in jsonb, file and page', async () => {
    const { proof } = provenExample();
    const verdict = { ...proof.verdict, because: [`${hostile}\0\ud800`] };
    const summary = await storeOf(control).issue(policy, { ...proof, id: 'backup/shop/prove/über "1"', verdict });
    expect((await verifyCertificates(summary.certificate.json, signer.publicKeyPem)).valid).toBe(true);
    expect(await listProofs(control, 'shop')).toMatchObject([{ id: 'backup/shop/prove/über "1"' }]);
  });
});

describe('proofs', () => {
  test('a test that could not be made takes no verdict back', async () => {
    const store = storeOf(control);
    const { chain } = provenExample().proof;
    await store.issue(policy, provenExample({ finishedAt: '2026-11-20T00:00:00.000Z' }).proof);
    await store.issue(policy, failedExample({ finishedAt: '2026-11-21T00:00:00.000Z' }).proof);
    await store.issue(policy, inconclusiveExample({ finishedAt: '2026-11-22T00:00:00.000Z', chain }).proof);
    expect(await store.provenBackups('shop')).toMatchObject([{ backup: chain.at(-1)?.label, verdict: 'failed', cause: 'wal-gap' }]);
  });

  test('an inconclusive one stands where there is no other; one without a backup is of none', async () => {
    const store = storeOf(control);
    await store.issue(policy, inconclusiveExample().proof);
    expect(await store.provenBackups('shop')).toEqual([]);
    await store.issue(policy, inconclusiveExample({ chain: [exampleBackup()] }).proof);
    expect(await store.provenBackups('shop')).toMatchObject([{ verdict: 'inconclusive', backup: exampleBackup().label }]);
  });

  test('what gauges need at start: the newest moment proven, the newest of each kind', async () => {
    const store = storeOf(control);
    await store.issue(policy, provenExample({ finishedAt: '2026-11-20T00:00:00.000Z', provenAt: '2026-11-19T23:00:00.000Z' }).proof);
    await store.issue(policy, provenExample({ finishedAt: '2026-11-21T00:00:00.000Z', provenAt: '2026-11-10T00:00:00.000Z' }).proof);
    for (let at = 0; at < 25; at += 1) await store.issue(policy, inconclusiveExample({ finishedAt: new Date(Date.UTC(2026, 10, 22, at)).toISOString() }).proof);
    const rows = await gaugeProofs(control);
    expect(rows.filter((row) => row.verdict === 'proven').map((row) => row.provenAtSeconds)).toEqual([
      Date.parse('2026-11-19T23:00:00Z') / 1_000,
      Date.parse('2026-11-10T00:00:00Z') / 1_000,
    ]);
    expect(rows.length).toBeLessThan(25);
    expect(await newestProofs(control)).toMatchObject([{ verdict: { verdict: 'inconclusive' } }]);
  });
});

describe('backups, pins, policies', () => {
  test('a backup recorded twice is one', async () => {
    const store = storeOf(control);
    await store.recordBackup(policy, exampleBackup());
    await store.recordBackup(policy, exampleBackup({ repositoryBytes: 1 }));
    expect(await listBackups(control, 'shop')).toEqual([exampleBackup({ repositoryBytes: 1 })]);
  });

  test('pins are per owner, once each, and go together', async () => {
    const store = storeOf(control);
    await store.pin('shop', 'clone-1', ['a', 'b']);
    await store.pin('shop', 'clone-1', ['b']);
    await store.pin('shop', 'clone-2', ['b', 'c']);
    expect(await store.pinned('shop')).toEqual(['a', 'b', 'c']);
    await store.unpin('shop', 'clone-2');
    await store.unpin('shop', 'clone-2');
    expect(await store.pinned('shop')).toEqual(['a', 'b']);
    expect(await store.pinned('other')).toEqual([]);
  });

  test('pinning nothing is nothing', async () => {
    await storeOf(control).pin('shop', 'clone-1', []);
    expect(await storeOf(control).pinned('shop')).toEqual([]);
  });

  test('the applied policy comes back as it was, and goes', async () => {
    const store = storeOf(control);
    expect(await store.appliedPolicy('shop')).toBeNull();
    await store.savePolicy(policy);
    await store.savePolicy({ ...policy, environment: 'production' });
    expect(await store.appliedPolicy('shop')).toEqual({ ...policy, environment: 'production' });
    expect(await store.listPolicies()).toHaveLength(1);
    await store.removePolicy('shop');
    expect(await store.listPolicies()).toEqual([]);
  });
});

describe('markers', () => {
  test('come back whole, with hostile names and numbers beyond what JavaScript counts', async () => {
    const store = createMarkerStore(control);
    const marker = exampleMarker({
      database: hostile,
      witness: { id: '9223372036854775807', at: '2026-11-21T05:43:58.004Z', lsn: '4/1', transactionId: '48655', nonce: 'x' },
      fingerprints: [
        exampleFingerprint(hostile, {
          rows: '9223372036854775807',
          sum: '-170141183460469231731687303715884105728',
          seeds: ['-9223372036854775808', '1'],
          oid: 4_294_967_295,
        }),
      ],
      sequences: [{ schema: 'a.b', table: 's"q', lastValue: '12', increment: '-1' }],
    });
    await store.save(marker);
    await store.save(marker);
    expect(await store.load(marker.id)).toEqual(settledMarker(marker));
    expect(markerDigest(await store.load(marker.id))).toBe(markerDigest(settledMarker(marker)));
  });

  test('lie as files too once the policy was applied, and a cold start finds the same', async () => {
    await storeOf(control).savePolicy(policy);
    const store = createMarkerStore(control);
    const marker = exampleMarker();
    await store.save(marker);
    expect(readdirSync(join(policy.evidenceDirectory, 'shop', 'markers'))).toHaveLength(1);
    const cold = createFileEvidence(policy.evidenceDirectory, { signer }).markers;
    expect(await cold.newest('shop')).toEqual(await store.newest('shop'));
    expect(await cold.between('shop', '0/0', null)).toEqual(await store.between('shop', '0/0', null));
  });

  test('are found between LSNs as numbers, by database; the newest of each', async () => {
    const store = createMarkerStore(control);
    for (const [at, lsn] of ['9/FFFFFFFF', '10/5', 'F/10'].entries())
      await store.save(exampleMarker({ lsn, at: new Date(Date.UTC(2026, 0, 1, at)).toISOString() }));
    expect((await store.between('shop', 'F/10', null)).map((ref) => ref.lsn)).toEqual(['F/10', '10/5']);
    expect((await store.between('shop', '0/0', 'F/10')).map((ref) => ref.lsn)).toEqual(['9/FFFFFFFF', 'F/10']);
    expect((await store.newest('shop')).map((marker) => marker.lsn)).toEqual(['F/10']);
    expect(await store.between('other', '0/0', null)).toEqual([]);
  });

  test('10,000 tables are saved and loaded within seconds', async () => {
    const store = createMarkerStore(control);
    const marker = exampleMarker({
      fingerprints: Array.from({ length: 10_000 }, (_, at) => exampleFingerprint(`table_${String(at).padStart(5, '0')}`, { oid: at + 1 })),
    });
    const started = performance.now();
    await store.save(marker);
    const loaded = await store.load(marker.id);
    expect(loaded.fingerprints).toHaveLength(10_000);
    expect(loaded.fingerprints[9_999]?.table).toBe('table_09999');
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  test('that retention lets go are gone with their fingerprints and files; a certificate that names one still verifies', async () => {
    const evidence = storeOf(control);
    await evidence.savePolicy(policy);
    const store = createMarkerStore(control);
    const { proof, markers } = provenExample();
    const [proven] = markers as [Marker];
    const old = exampleMarker({ lsn: '1/0', at: '2026-01-01T00:00:00.000Z' });
    const twin = { ...old, id: 'twin' };
    for (const each of [...markers, old, twin]) await store.save(each);
    await evidence.issue(policy, proof);
    const label = proof.chain.at(-1)?.label ?? '';
    const cold = createFileEvidence(policy.evidenceDirectory, { signer }).markers;
    for (const each of [store, cold]) {
      expect(await each.named('shop', [label])).toEqual(new Set(proof.markers.map(({ id }) => id)));
      expect(await each.named('shop', ['other', 'a"b,c'])).toEqual(new Set());
    }
    const files = () => readdirSync(join(policy.evidenceDirectory, 'shop', 'markers')).length;
    const rows = async () => (await control.em().execute<{ n: number }[]>('select count(*)::int as n from assay_control.table_fingerprint'))[0]?.n;
    const [filesBefore, rowsBefore] = [files(), (await rows()) ?? 0];
    await store.remove('shop', [old]);
    // its twin of the same moment shares the file
    expect(files()).toBe(filesBefore);
    await store.remove('shop', [old, twin]);
    expect(files()).toBe(filesBefore - 1);
    await store.remove('shop', [proven]);
    expect(files()).toBe(filesBefore - 2);
    expect(await rows()).toBe(rowsBefore - old.fingerprints.length * 2 - proven.fingerprints.length);
    await evidence.issue(policy, proof);
    expect(await verifyCertificates(policy.evidenceDirectory, signer.publicKeyPem)).toMatchObject({ valid: true });
    await store.save(proven);
    await cold.remove('shop', [proven]);
    expect(files()).toBe(filesBefore - 2);
  });

  test('one that is not there is said so', async () => {
    await expect(createMarkerStore(control).load('none')).rejects.toMatchObject({ code: 'internal' });
  });
});
