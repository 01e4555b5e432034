/** What a run of the suite comes to, with toy suites. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;

const file = (name: string) => `test/support/toys/${name}.toy.ts`;

function suite(names: readonly string[], env: NodeJS.ProcessEnv) {
  const folder = mkdtempSync(join(tmpdir(), 'toys-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { status, stdout } = spawnSync('node', ['test/support/run.ts', '--config', 'test/support/toys/vitest.config.ts', ...names.map(file)], {
    ...{ cwd: root, encoding: 'utf8' },
    env: { ...process.env, ASSAY_TOY_MARK: join(folder, 'mark'), ...env },
  });
  return { status, again: /^== once more, from the beginning: (.*)$/m.exec(stdout)?.[1] ?? null };
}

test.each<readonly [names: readonly string[], status: number, again: string | null]>([
  [['flaky'], 0, file('flaky')],
  [['broken'], 1, file('broken')],
  [['flaky', 'unhandled'], 1, null],
  [['flaky', 'leaking'], 1, null],
])('in CI %j: exit code %i, once more %s', (names, status, again) => expect(suite(names, { CI: 'true' })).toEqual({ status, again }));

test('elsewhere there is no second try', () => expect(suite(['flaky'], { CI: '' })).toEqual({ status: 1, again: null }));
