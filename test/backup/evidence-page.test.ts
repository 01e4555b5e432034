/** The page: what it says, and that nothing in it can do anything. */
import { describe, expect, test } from 'vitest';
import { signCertificate } from '../../activities/backup/evidence/issue.ts';
import { certificatePage } from '../../activities/backup/evidence/page/page.ts';
import { squarify } from '../../activities/backup/evidence/page/treemap.ts';
import { failedExample, hostile, inconclusiveExample, provenExample } from './certificate-examples.ts';
import { testKey } from './evidence-support.ts';

const { signer } = testKey();

describe('the page', () => {
  const page = (example = provenExample()) => {
    const { proof } = example;
    return certificatePage(
      signCertificate(signer, {
        proof,
        sequence: 1,
        previous: null,
        issuedAt: proof.finishedAt,
        findMarker: (id) => {
          const marker = example.markers.find((one) => one.id === id);
          return marker === undefined ? undefined : { marker, digest: `sha256:${'0'.repeat(64)}` };
        },
      }),
    );
  };

  test('needs nothing but itself', () => {
    for (const example of [provenExample(), failedExample(), inconclusiveExample()]) {
      const text = page(example);
      expect(text).not.toMatch(/<script|<link|<iframe|<img|url\((?!#)|@import|https?:\/\//i);
      expect(text).toMatch(/Content-Security-Policy/);
    }
  });

  test('escapes whatever a table, a database or an error message is called', () => {
    const { proof, markers } = provenExample({ host: hostile, madeBy: hostile });
    const text = page({ proof: { ...proof, cluster: hostile, verdict: { ...proof.verdict, because: [hostile] } }, markers });
    expect(text).not.toContain('</script>');
    expect(text).not.toContain('<b>\u202e');
    expect(text).not.toContain('\u202e');
    expect(text).toContain('⟨U+202E⟩');
  });

  test('a database whose rows differ is drawn as that, a marker that was never reached not at all', () => {
    const { proof, markers } = provenExample();
    const checks = proof.checks.map((check) =>
      check.name === 'fingerprints' && check.database === 'billing' ? { ...check, outcome: 'failed' as const } : check,
    );
    const differing = page({ proof: { ...proof, checks }, markers });
    expect(differing).toMatch(/field differs"><title>billing/);
    expect(differing).toMatch(/field tone-0"><title>shop/);
    expect(page(failedExample())).not.toMatch(/<title>shop: /);
  });

  test('says the verdict in words, not in colour alone, and what is not covered by name', () => {
    expect(page()).toMatch(/Restored and equal.*PROVEN/s);
    expect(page()).toMatch(/web\.cache/);
    expect(page(failedExample())).toMatch(/A fault was found: wal gap.*FAILED/s);
    expect(page(inconclusiveExample())).toMatch(/The test could not be made.*NOT PROVEN/s);
  });
});

test('areas of the picture are in proportion, inside the field, and never overlap in sum', () => {
  const sizes = [600, 300, 90, 9, 1];
  const boxes = squarify(sizes, { x: 0, y: 0, width: 100, height: 10 });
  for (const [at, box] of boxes.entries()) {
    expect(box.width * box.height).toBeCloseTo(sizes[at] ?? 0, 6);
    expect(box.x + box.width).toBeLessThanOrEqual(100.000001);
    expect(box.y + box.height).toBeLessThanOrEqual(10.000001);
  }
});
