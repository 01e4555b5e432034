/** What the libraries say by themselves is part of our log, not beside it. */
import cron from 'node-cron';
import { expect, test, vi } from 'vitest';
import type { Observation } from '../../domain/observation.ts';
import { libraryLog } from '../../workers/library-log.ts';

test('a tick that node-cron missed is a line of our log, and nothing beside it', async () => {
  const seen: Observation[] = [];
  const printed = (['warn', 'log', 'info', 'error'] as const).map((name) => vi.spyOn(console, name));
  libraryLog((observation) => seen.push(observation));
  const task = cron.schedule('* * * * * *', () => {}, { name: 'missed' });
  await vi.waitFor(
    () => {
      const until = Date.now() + 2_100;
      while (Date.now() < until); // nothing else gets a turn, as under a long computation
      expect(seen).toContainEqual(
        expect.objectContaining({ kind: 'library-said', library: 'node-cron', level: 'info', message: expect.stringContaining('missed') }),
      );
    },
    { timeout: 30_000, interval: 50 },
  );
  await task.destroy();
  for (const spy of printed) expect(spy).not.toHaveBeenCalled();
}, 40_000);
