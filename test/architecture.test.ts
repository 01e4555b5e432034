import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { violations } from './support/architecture.ts';

const folders = ['domain', 'workflows', 'activities', 'entities', 'workers', 'ops', 'test', 'bench'];
const root = new URL('..', import.meta.url).pathname;

function ours() {
  const inside = folders.flatMap((folder) => readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`));
  const all = [...inside, ...readdirSync(root, { encoding: 'utf8' })].filter((path) => path.endsWith('.ts'));
  return all.map((path) => ({ path, text: readFileSync(root + path, 'utf8') }));
}

test('every file of the tree keeps the arrows, the ceiling of lines, and named exports', () => {
  const files = ours();
  expect(files.length).toBeGreaterThan(20);
  expect(violations(files)).toEqual([]);
});

describe('planted violations are found', () => {
  test.each([
    ['domain/a.ts', `import { readFileSync } from 'node:fs';`],
    ['domain/a.ts', `import { readFileSync } from 'fs';`],
    ['domain/a.ts', `import type { StepIo } from '../activities/io.ts';`],
    ['domain/backup/a.ts', `import pg from 'pg';`],
    ['workflows/backup.ts', `import { run } from '../activities/process.ts';`],
    ['workflows/backup.ts', `import { type Steps } from '../activities/backup/steps.ts';`],
    ['workflows/backup.ts', `export { run } from '../activities/process.ts';`],
    ['workflows/backup.ts', `const later = await import('../activities/process.ts');`],
    ['workflows/backup.ts', `const later = await import(somewhere);`],
    ['workflows/backup.ts', `import type { Cluster } from '../entities/cluster.ts';`],
    ['entities/proof.ts', `import { judge } from '../domain/backup/verdict.ts';`],
    ['activities/backup/a.ts', `import { backup } from '../../workflows/backup.ts';`],
    ['activities/backup/a.ts', `import type { Config } from '../../workers/config.ts';`],
    ['activities/backup/a.ts', `import { advise } from '../optimizer/advise.ts';`],
    ['activities/backup/a.ts', `type Advice = import('../optimizer/advise.ts').Advice;`],
    ['activities/pg.ts', `import { restore } from './backup/restore.ts';`],
    ['activities/control/a.ts', `import { restore } from '../backup/restore.ts';`],
    ['activities/a.ts', `import { Client } from '@temporalio/client';`],
    ['ops/client/a.ts', `import { backup } from '../../workflows/backup.ts';`],
    ['ops/client/a.ts', `import Table from 'cli-table3';`],
    ['ops/cli/a.ts', `import pg from 'pg';`],
    ['ops/cli/a.ts', `import { EntityManager } from '@mikro-orm/postgresql';`],
    ['ops/cli/a.ts', `import type { Proof } from '../../entities/proof.ts';`],
    ['ops/log.ts', `import { connect } from '../activities/pg.ts';`],
    ['ops/metrics.ts', `import pino from 'pino';`],
    ['elsewhere/a.ts', `import { z } from 'zod';`],
    ['domain/a.ts', 'export default 1;'],
    ['domain/a.ts', 'const a = 1; export { a as default };'],
  ])('%s: %s', (path, text) => {
    expect(violations([{ path, text }])).toHaveLength(1);
  });
});

describe('what the table allows passes', () => {
  test.each([
    ['domain/backup/a.ts', `import { z } from 'zod'; import type { Lsn } from './lsn.ts'; import { AssayError } from '../errors.ts';`],
    ['workflows/backup.ts', `import { proxyActivities } from '@temporalio/workflow'; import type { Steps } from '../activities/backup/steps.ts';`],
    ['entities/proof.ts', `import { defineEntity } from '@mikro-orm/core'; import type { Proof } from '../domain/backup/proof.ts';`],
    ['activities/backup/engines/a.ts', `import { run } from '../../process.ts'; import { join } from 'node:path'; import pg from 'pg';`],
    ['activities/backup/a.ts', `import { queries } from '../control/queries.ts';`],
    ['activities/control/a.ts', `import type { MarkerStore } from '../backup/ports.ts';`],
    ['activities/fleet/a.ts', `import { Client } from '@temporalio/client';`],
    ['activities/pg.ts', `import type { ReadSecret } from './backup/ports.ts';`],
    ['ops/client/a.ts', `import { Client } from '@temporalio/client'; import type { backup } from '../../workflows/backup.ts';`],
    ['ops/cli/a.ts', `import { Command } from 'commander'; import { open } from '../client/client.ts';`],
    ['vitest.config.ts', 'export default {};'],
  ])('%s', (path, text) => {
    expect(violations([{ path, text }])).toEqual([]);
  });
});

test('a file of 301 lines is one line too long', () => {
  const lines = (count: number) => [{ path: 'domain/a.ts', text: 'export const a = 1;\n'.repeat(count) }];
  expect(violations(lines(301))).toEqual(['domain/a.ts: 301 lines, at most 300']);
  expect(violations(lines(300))).toEqual([]);
});
