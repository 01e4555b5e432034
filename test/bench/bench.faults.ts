/** The benchmarks still measure: all of them at a toy size. What they measure here says nothing. Beside the fault matrix because of its length. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { run } from '../../activities/process.ts';
import { benchmarks } from '../../bench/benchmarks.ts';
import type { Measured } from '../../bench/report.ts';

const bench = (args: readonly string[], accept: readonly number[]) =>
  run({ argv: [process.execPath, 'bench/run.ts', ...args], cwd: new URL('../..', import.meta.url).pathname, deadlineMs: 290_000, accept });

/** What stays behind is found by the set-up of all tests. */
test('every benchmark gives its figures, in a table and as JSON', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const out = join(folder, 'bench.json');
  // 1: a goal was missed, as may well be at this size
  const { stdout, stderr } = await bench(['--scale', '0.02', '--pairs', '1', '--out', out], [0, 1]);
  const { results } = JSON.parse(readFileSync(out, 'utf8')) as { results: Measured[] };
  expect(results.flatMap(({ failed }) => failed ?? [])).toEqual([]);
  // what runs unnamed, whichever they are by now; none that gave up half-way
  expect(
    results.map(({ benchmark }) => benchmark),
    stderr,
  ).toEqual(benchmarks.flatMap(({ name, isNamedOnly }) => (isNamedOnly === true ? [] : [name])));
  expect(results.filter(({ figures }) => figures.length < 2)).toEqual([]);
  // one of them only where the writers can have a core of their own
  expect(results.find(({ benchmark }) => benchmark === 'markers')?.figures).toHaveLength(cpus().length > 1 ? 7 : 4);
  const words = (text: string) => text.replaceAll(/[\s│]+/g, '');
  for (const { measured } of results.flatMap(({ figures }) => figures)) expect(words(stdout)).toContain(words(measured).slice(0, 10));
}, 300_000);

test('a benchmark that is not there is refused with those that are', async () => {
  const { status, stderr } = await bench(['--only', 'engien'], [2]);
  expect([status, stderr]).toEqual([2, expect.stringContaining('there are engine, proof, fingerprint')]);
});
