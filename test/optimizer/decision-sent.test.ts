/** Decisions as they arrive from outside: typed clients send them whole, Temporal's own CLI whatever somebody wrote. */
import { describe, expect, test } from 'vitest';
import { type DecisionRequest, faultOfDecision } from '../../domain/optimizer/decision.ts';

const digest = 'a1'.repeat(32);
const fault = (sent: unknown) => faultOfDecision(sent as DecisionRequest);

describe('a decision sent by hand', () => {
  test('needs no more than what is decided and of which digest', () => {
    expect(fault({ verdict: 'approve', digest })).toBeNull();
    expect(fault({ verdict: 'refuse', digest, by: 'ann', reason: null })).toBeNull();
  });

  test.each([
    [undefined, 'the verdict is'],
    [null, 'the verdict is'],
    ['approve', 'the verdict is'],
    [{ verdict: 'aprove', digest }, 'the verdict is'],
    [{ verdict: 'approve' }, '64 hexadecimal digits'],
    [{ verdict: 'approve', digest: digest.slice(1) }, '64 hexadecimal digits'],
    [{ verdict: 'approve', digest, by: 7 }, 'by is text'],
    [{ verdict: 'refuse', digest, reason: 'x'.repeat(501) }, 'reason is text'],
  ])('%j is refused in words', (sent, words) => {
    expect(fault(sent)).toContain(words);
  });
});
