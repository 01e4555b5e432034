/** Deciding on a recommendation from a shell, against a fleet that answers from a script. */
import { expect, test } from 'vitest';
import type { RecommendationRecord } from '../../domain/optimizer/decision.ts';
import { begunAt } from '../../ops/cli/optimizer-decisions.ts';
import { progressLine } from '../../ops/cli/progress-view.ts';
import { recommendation } from '../optimizer/plan-examples.ts';
import { useCannedFleet } from '../support/canned-fleet.ts';
import { connectingTo, type Ran, run, testTerminal } from './terminal.ts';

const canned = useCannedFleet();
const digest = 'ab'.repeat(32);
const event = { cluster: 'shop', database: 'app', at: '2026-11-21T10:00:00.000Z', by: 'ann', because: ['not \u001b[31mnow'] } as const;

const record = (id: string): RecommendationRecord => ({
  recommendation: { ...recommendation, id, cluster: 'shop' },
  digest,
  history: [{ ...event, recommendation: id, state: 'refused' }],
});

const assay = (line: string, terminal = testTerminal()): Promise<Ran> =>
  run(
    line,
    {
      connection: connectingTo(canned.get().options),
      clusters: async () => ['shop'],
      recommendation: async ({ id }) => record(id),
      history: async ({ cluster }) => (cluster === 'till' ? [] : record('r-1').history),
    },
    terminal,
  );

test.each([
  [`optimizer approve kept --digest ${digest}`, 0, 'statement 7 says so'],
  ['optimizer approve rolled-back --yes', 1, 'rolled-back'],
  ['optimizer approve sql --yes', 0, 'assay optimizer show sql --out'],
  ['optimizer approve stale --yes', 5, 'optimizer/shop/run/again-stale'],
  ['optimizer refuse refused --reason later', 0, 'does not come back'],
  ['optimizer approve blind', 2, `--digest ${digest}`],
  ['optimizer approve wrong --digest abc', 2, '64 hexadecimal digits'],
  ['optimizer history', 0, 'refused'],
  ['optimizer history till', 0, 'no recommendation was made yet'],
  ['optimizer show r-1', 0, `assay optimizer approve r-1 --digest ${digest}`],
])('%s: %d', async (line, exit, words) => {
  const people = await assay(line);
  expect([people.exit, people.out + people.err]).toEqual([exit, expect.stringContaining(words)]);
  expect(people.out).not.toContain('\u001b');
  const machine = await assay(`${line} --json`);
  expect(machine.exit).toBe(exit);
});

test('on a terminal it is shown and asked for; no is no', async () => {
  const no = await assay('optimizer approve asked', testTerminal({ tty: true, confirm: false }));
  expect(no).toMatchObject({ exit: 3, err: expect.stringContaining('CREATE INDEX CONCURRENTLY') });
  const yes = await assay('optimizer approve asked', testTerminal({ tty: true, confirm: true }));
  expect(yes).toMatchObject({ exit: 0, out: expect.stringContaining('kept') });
});

test('the time that is shown begins with the approval, not with the proposal weeks ago', async () => {
  const waiting = { running: true, phase: 'applying', detail: '', startedAt: '2026-11-01T10:00:00.000Z', stalled: null } as const;
  const workflow = { result: async () => null, progress: async () => waiting };
  const now = new Date('2026-11-21T10:00:00.000Z');
  expect(progressLine(waiting, now)).toMatch(/^applying {2}20 d/);
  expect(progressLine(await begunAt(now, workflow).progress(), now)).toBe('applying  0 ms');
});

test('--no-wait returns once it is approved', async () => {
  expect(await assay('optimizer approve kept-later --yes --no-wait')).toMatchObject({ exit: 0, out: expect.stringContaining('assay optimizer history') });
});
