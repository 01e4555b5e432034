import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';
import { RunReporter } from './test/support/run-report.ts';

/** Every test but the fault matrix, which has a configuration of its own because of its length. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/in-memory.ts', 'test/support/no-leaks.ts'],
    reporters: ['default', new RunReporter()],
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    // real servers on two cores: more at once only makes each of them slower
    maxWorkers: 2,
    testTimeout: 120_000,
    // what is waited for comes, but not within a second on a busy machine
    expect: { poll: { timeout: 20_000 } },
    // a machine of unknown load may miss a deadline once; the report shows what needed it, and whole files have a second try (test/support/run.ts)
    retry: process.env.CI ? 1 : 0,
    hookTimeout: 180_000,
    teardownTimeout: 60_000,
  },
});
