import { defineConfig } from 'vitest/config';
import tests from './vitest.config.ts';

/**
 * The fault matrix: each fault provoked on real servers, and the verdict it must give. And what else would be too long for every run: the
 * benchmarks at a toy size. On the disk, as users' servers are.
 */
export default defineConfig({
  test: {
    ...tests.test,
    include: ['test/**/*.faults.ts'],
    globalSetup: ['test/support/no-leaks.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
