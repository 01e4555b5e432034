/** Evidence on an empty machine, from files alone. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createFileEvidence } from '../../activities/backup/evidence/file-evidence.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { exampleMarker, hostile, provenExample } from './certificate-examples.ts';
import { testFolder, testKey } from './evidence-support.ts';

const { signer } = testKey();
const noPolicy = {} as ClusterPolicy;

describe('without a control database', () => {
  test('markers lie as private files beside the certificates and come back whole', async () => {
    const root = testFolder();
    const marker = exampleMarker();
    await createFileEvidence(root, { signer }).markers.save(marker);
    const { markers } = createFileEvidence(root, { signer });
    const [ref] = await markers.between('shop', '4/0', null);
    expect(ref).toEqual({ id: marker.id, database: 'shop', lsn: marker.lsn, at: marker.at, timeline: marker.timeline });
    expect((await markers.load(marker.id)).fingerprints).toHaveLength(marker.fingerprints.length);
    const [file = ''] = readdirSync(join(root, 'shop', 'markers'));
    expect(file).toMatch(/^00000004-537A7548-[0-9a-f]{16}\.json\.gz$/);
    expect(statSync(join(root, 'shop', 'markers', file)).mode & 0o777).toBe(0o600);
    expect(statSync(join(root, 'shop', 'markers')).mode & 0o777).toBe(0o700);
  });

  test('finds markers by LSN, not by text, and the newest of each database', async () => {
    const { markers } = createFileEvidence(testFolder(), { signer });
    for (const lsn of ['F/10', '10/5', '9/FFFFFFFF']) await markers.save(exampleMarker({ lsn }));
    await markers.save(exampleMarker({ lsn: 'A/0', database: hostile, at: '2026-11-21T06:00:00.000Z' }));
    expect((await markers.between('shop', '9/FFFFFFFF', 'F/FFFFFFFF')).map((ref) => ref.lsn)).toEqual(['A/0', '9/FFFFFFFF', 'F/10']);
    expect((await markers.newest('shop')).map((marker) => marker.database).toSorted()).toEqual([hostile, 'shop'].toSorted());
    expect(await markers.newest('other')).toEqual([]);
  });

  test('without the signing key a proof is kept unsigned, outside the chain', async () => {
    const root = testFolder();
    const { proof } = provenExample();
    const summary = await createFileEvidence(root, { signer: null }).evidence.issue(noPolicy, proof);
    expect(summary.certificate.json).toContain('/shop/unsigned/');
    expect(JSON.parse(readFileSync(summary.certificate.json, 'utf8')).id).toBe(proof.id);
  });

  test('a cluster name cannot lead out of the folder', async () => {
    const { proof } = provenExample({ cluster: '../../etc' });
    await expect(createFileEvidence(testFolder(), { signer }).evidence.issue(noPolicy, proof)).rejects.toMatchObject({ code: 'usage' });
  });
});
