import { defineConfig } from 'vitest/config';
import { RunReporter } from '../run-report.ts';

/** Suites that fail, for the test of what a failure comes to. */
export default defineConfig({
  test: {
    include: ['test/support/toys/*.toy.ts'],
    globalSetup: ['test/support/no-leaks.ts'],
    reporters: ['default', new RunReporter()],
    pool: 'forks',
  },
});
