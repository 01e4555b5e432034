/** The certificate as a document: what it says, in which bytes, and what it admits. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { markerDigest, settledMarker } from '../../activities/control/marker-digest.ts';
import { certificateBody, certificateFile, fileKey, objective, parseCertificateFile, signedText } from '../../domain/backup/certificate.ts';
import { canonicalJson, canonicalPieces, wellFormed } from '../../domain/backup/certificate-canonical.ts';
import { notProven } from '../../domain/backup/certificate-limits.ts';
import { certificateJsonSchema } from '../../domain/backup/certificate-schema.ts';
import { sayBytes, sayDuration, sayShare } from '../../domain/backup/certificate-words.ts';
import type { Verdict } from '../../domain/backup/model.ts';
import { type Example, exampleFingerprint, exampleMarker, failedExample, hostile, inconclusiveExample, provenExample } from './certificate-examples.ts';

function bodyOf({ proof, markers }: Example) {
  const find = (id: string) => {
    const marker = markers.find((one) => one.id === id);
    return marker === undefined ? undefined : { marker: settledMarker(marker), digest: markerDigest(settledMarker(marker)) };
  };
  return certificateBody({ proof, sequence: 1, previous: null, issuedAt: proof.finishedAt, findMarker: find });
}

describe('canonical JSON', () => {
  test('sorts keys by code unit and leaves out white space', () => {
    expect(canonicalJson({ '\u20ac': 1, a: [true, null, 'x'], A: { z: 0, b: -0 } })).toBe('{"A":{"b":0,"z":0},"a":[true,null,"x"],"€":1}');
  });

  test('writes numbers as RFC 8785 does', () => {
    expect(canonicalJson([Number('333333333.33333329'), 1e30, 4.5, 2e-3, 1e-27])).toBe('[333333333.3333333,1e+30,4.5,0.002,1e-27]');
  });

  test('does not depend on the order members were added in', () => {
    const shuffled = fc
      .dictionary(fc.string(), fc.jsonValue())
      .chain((value) => fc.tuple(fc.constant(value), fc.shuffledSubarray(Object.keys(value), { minLength: Object.keys(value).length })));
    fc.assert(
      fc.property(shuffled, ([value, keys]) => {
        const again = Object.fromEntries(keys.map((key) => [key, value[key]]));
        expect(canonicalJson(wellFormed(again))).toBe(canonicalJson(wellFormed(value)));
      }),
    );
  });

  test('says the same value again once parsed', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(wellFormed(value)))).toEqual(JSON.parse(JSON.stringify(wellFormed(value))));
      }),
    );
  });

  test.each([[Number.NaN], [1n], ['\ud800'], [() => 1]])('refuses %s', (value) => {
    expect(() => canonicalJson(value)).toThrow(RangeError);
  });

  test('in pieces it is the same text, and what a digest was made of before stays what it is made of', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.oneof(fc.jsonValue(), fc.array(fc.integer(), { minLength: 190, maxLength: 410 }))), (given) => {
        const document = wellFormed(given);
        expect([...canonicalPieces(document)].join('')).toBe(canonicalJson(document));
      }),
    );
    const many = settledMarker(exampleMarker({ fingerprints: Array.from({ length: 1_000 }, (_, at) => exampleFingerprint(`t${at}`)) }));
    expect(markerDigest(many)).toBe(`sha256:${createHash('sha256').update(canonicalJson(many)).digest('hex')}`);
  });

  test('a cut character or a NUL is made fit, never lost without trace', () => {
    expect(wellFormed({ name: 'caf\ud83d', nul: 'a\0b', whole: '😀' })).toEqual({ name: 'caf\ufffd', nul: 'a\ufffdb', whole: '😀' });
  });
});

describe('body', () => {
  test('names the chain, the target, what was reached and the place in the chain of certificates', () => {
    const body = bodyOf(provenExample());
    expect(body.backups.map((backup) => backup.type)).toEqual(['full', 'incremental']);
    expect(body.target.asked).toEqual({ kind: 'lsn', lsn: '4/537A9A10', exclusive: true });
    expect(body.target.reached?.replayLsn).toBe('4/537A9A10');
    expect(body).toMatchObject({ sequence: 1, previous: null, verdict: { outcome: 'proven', level: 'content', cause: null } });
  });

  test('holds times and sizes as whole numbers', () => {
    const body = bodyOf(provenExample());
    expect(body.recovery).toMatchObject({
      phases: { fetchMs: 8_512, startMs: 940, replayMs: 2_205, checkMs: 9_700 },
      rpo: { measuredMs: 42_311, outcome: 'met' },
    });
  });

  test('recovery time is fetch, start and replay; checks are no part of it', () => {
    expect(bodyOf(provenExample()).recovery.rto).toEqual({ objectiveMs: 30_000, measuredMs: 11_657, outcome: 'met' });
  });

  test('coverage is rounded down: 100 % means all', () => {
    const { proof, markers } = provenExample();
    const verdict = { ...proof.verdict, coverage: { ...proof.verdict.coverage, bytes: 1_000_000, bytesCovered: 999_999 } } as Verdict;
    expect(bodyOf({ proof: { ...proof, verdict }, markers }).coverage.share).toBe(0.9999);
  });

  test('names the age and equality of each table', () => {
    const { largestTables } = bodyOf(provenExample()).coverage;
    expect(largestTables.find((table) => table.table === 'ledger')).toMatchObject({ database: 'billing', ageMs: 360_000, equality: 'hash' });
    expect(largestTables.find((table) => table.table === 'documents')).toMatchObject({ equality: 'text' });
  });

  test('10,000 tables make no bigger document than 200, and the marker that holds them is bound by its digest', () => {
    const { proof } = provenExample();
    const many = exampleMarker({ fingerprints: Array.from({ length: 10_000 }, (_, at) => exampleFingerprint(`t${at}`, { bytes: at })) });
    const ref = { id: many.id, database: many.database, lsn: many.lsn, at: many.at };
    const body = bodyOf({ proof: { ...proof, markers: [ref] }, markers: [many] });
    expect(body.coverage).toMatchObject({ tablesNotListed: 9_800 });
    expect(body.coverage.largestTables[0]?.table).toBe('t9999');
    expect(body.markers[0]?.digest).toBe(markerDigest(settledMarker(many)));
    expect(signedText(body).length).toBeLessThan(60_000);
  });

  test('a marker that is gone is named without figures', () => {
    const { proof } = provenExample();
    expect(bodyOf({ proof, markers: [] }).markers[0]).toMatchObject({ database: 'shop', way: null, digest: null, tables: 0 });
  });

  test('failed and inconclusive proofs have certificates too', () => {
    expect(bodyOf(failedExample()).verdict).toMatchObject({ outcome: 'failed', level: null, cause: 'wal-gap' });
    expect(bodyOf(inconclusiveExample()).verdict).toMatchObject({ outcome: 'inconclusive', level: null, cause: 'repository-unreachable' });
  });

  test('signs nothing that its schema does not know', () => {
    const { proof, markers } = provenExample();
    expect(() => bodyOf({ proof: { ...proof, verdict: { ...proof.verdict, cause: 'gremlins', verdict: 'failed' } as unknown as Verdict }, markers })).toThrow(
      /cause/,
    );
  });
});

describe('objectives', () => {
  test.each([
    [1_000, 1_000, 'met'],
    [1_000, 1_001, 'missed'],
    [1_000, null, 'not-measured'],
    [null, 5, 'no-objective'],
  ] as const)('objective %s, measured %s: %s', (wanted, measured, outcome) => {
    expect(objective(wanted, measured).outcome).toBe(outcome);
  });
});

describe('what it does not prove', () => {
  const text = (example: Example) => notProven(example.proof).join('\n');

  test('always: the moment, the future, the worker, roles, a wrong source', () => {
    for (const example of [provenExample(), failedExample(), inconclusiveExample()]) {
      expect(text(example)).toMatch(/honest worker/);
      expect(text(example)).toMatch(/Roles, passwords/);
      expect(text(example)).toMatch(/the source was right/);
    }
  });

  test('the equality that was used', () => {
    expect(text(provenExample())).toMatch(/1\.0 and 1\.00/);
    expect(text(provenExample())).toMatch(/text form/);
    expect(text(inconclusiveExample())).not.toMatch(/1\.0 and 1\.00/);
  });

  test('what was not covered, by name', () => {
    expect(text(provenExample())).toMatch(/unlogged tables.*web\.cache/);
    expect(text(provenExample())).toMatch(/databases the policy leaves out \(scratch\)/);
  });

  test('reused fingerprints and their age', () => {
    expect(text(provenExample())).toMatch(/6 min old/);
  });

  test('a structure proof says that rows were not compared', () => {
    const { proof } = provenExample();
    const verdict = { ...proof.verdict, level: 'structure', coverage: failedExample().proof.verdict.coverage } as Verdict;
    expect(text({ proof: { ...proof, verdict }, markers: [] })).toMatch(/not compared with the source/);
  });

  test('indexes are named unless the proof was deep; a fast clone admits its missing fsync', () => {
    expect(text(provenExample())).toMatch(/heapallindexed/);
    expect(text(provenExample({ depth: 'deep' }))).not.toMatch(/heapallindexed/);
    expect(text(failedExample())).toMatch(/without fsync/);
  });
});

describe('names and words', () => {
  test('a file name carries sequence and proof, and reads back', () => {
    expect(certificateFile(7, 'abc', 'json')).toBe('000007-abc.json');
    expect(parseCertificateFile('000007-abc.json')).toEqual({ sequence: 7, key: 'abc', kind: 'json' });
    expect(parseCertificateFile('.claim-000007')).toBeNull();
    expect(parseCertificateFile('../000007-abc.json')).toBeNull();
  });

  test('an id that no file name can hold keeps apart from others like it', () => {
    const digest = (text: string) => Buffer.from(text).toString('hex').padEnd(8, '0');
    expect(fileKey('backup/shop/prove/1', digest)).not.toBe(fileKey('backup-shop-prove-1', digest));
    expect(fileKey('../../etc/passwd', digest)).toMatch(/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/);
  });

  test.each([
    [840, '840 ms'],
    [8_512, '8.5 s'],
    [12_000, '12 s'],
    [200_000, '3 min 20 s'],
    [90_000_000, '1 d 1 h'],
  ])('%d ms is %s', (ms, words) => expect(sayDuration(ms)).toBe(words));

  test('sizes and shares', () => {
    expect([sayBytes(812), sayBytes(1_503_000_000), sayShare(0.99999)]).toEqual(['812 bytes', '1.5 GB', '99.99 %']);
  });
});

describe('schema', () => {
  const file = new URL('../../docs/certificate.schema.json', import.meta.url);

  test('the published one is the one the code signs (ASSAY_WRITE=1 writes it)', () => {
    if (process.env.ASSAY_WRITE === '1') writeFileSync(file, `${JSON.stringify(certificateJsonSchema(), null, 2)}\n`);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(certificateJsonSchema())));
  });

  test('a hostile table name is only a string', () => {
    expect(bodyOf(provenExample()).coverage.largestTables.map((table) => table.table)).toContain(hostile);
  });
});
