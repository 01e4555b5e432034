import { expect, test } from 'vitest';
import type { Execution } from '../../activities/optimizer/lab/execute.ts';
import { paired } from '../../activities/optimizer/lab/measure.ts';
import { isClear } from '../../domain/optimizer/verdict.ts';

const done = (executionMs: number, waitedMs: number, isParallel = false): Execution => ({
  ...{ kind: 'done', executionMs, planningMs: 1, wallMs: executionMs + 2, waitedMs, isParallel },
  ...{ blocks: 1, walBytes: 0, tempBlocks: 0 },
});
const limits = { limitMs: 1000, warming: 0 };

test('what others on the machine took is deducted from the server’s clock, not from ours', () => {
  const { pairs, planned, wall } = paired([done(100, 30)], [done(50, 10)], limits);
  expect([pairs, planned, wall]).toEqual([[{ beforeMs: 70, afterMs: 40 }], [{ beforeMs: 71, afterMs: 41 }], [{ beforeMs: 102, afterMs: 52 }]]);
});

test.each([
  ['one side has workers, which may be those others', done(50, 10, true), { beforeMs: 100, afterMs: 50 }],
  ['one side ran into the limit', { kind: 'too-slow', waitedMs: 300 } as const, { beforeMs: 100, afterMs: 1000 }],
])('on neither side where %s', (_, after, pair) => {
  expect(paired([done(100, 30)], [after], limits).pairs).toEqual([pair]);
});

test.each([
  ['far faster', '900:300 880:310 910:305', true],
  ['far slower', '300:900 310:880 305:910', true],
  ['near a limit', '900:860 880:870 910:850', false],
  ['short, whatever a few of them say', '0.9:0.3 0.88:0.31 0.91:0.3', false],
])('three rounds are enough of what takes long and is clear: %s', (_, said, isIt) => {
  const pairs = said.split(' ').map((pair) => {
    const [beforeMs = 0, afterMs = 0] = pair.split(':').map(Number);
    return { beforeMs, afterMs };
  });
  expect(isClear({ statement: 'q', calls: 1, bindings: [{ source: 'captured', pairs }] })).toBe(isIt);
});
