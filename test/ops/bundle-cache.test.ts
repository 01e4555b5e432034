import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cachedBundle } from '../../workers/bundle-cache.ts';

let root: string;
let made: number;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'assay-bundle-'));
  made = 0;
  mkdirSync(join(root, 'src/deep'), { recursive: true });
  for (const name of ['src/a.ts', 'src/deep/b.ts', 'lock.json']) writeFileSync(join(root, name), name);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const folder = () => join(root, 'cache');
const bundle = () =>
  cachedBundle({ folder: folder(), sources: [join(root, 'src'), join(root, 'lock.json')] }, async () => {
    made += 1;
    return `code ${made} “quoted”`;
  });

test('is made once for the same sources', async () => {
  expect([await bundle(), await bundle()]).toEqual(['code 1 “quoted”', 'code 1 “quoted”']);
  expect(made).toBe(1);
});

test.each<[string, () => void]>([
  ['a source changed', () => writeFileSync(join(root, 'src/deep/b.ts'), 'other')],
  ['a source came', () => writeFileSync(join(root, 'src/c.ts'), '')],
  ['a source went', () => rmSync(join(root, 'src/a.ts'))],
  ['other packages are installed', () => writeFileSync(join(root, 'lock.json'), 'other')],
  ['what was kept was cut off', () => cut((text) => text.slice(0, -1))],
  ['what was kept was changed', () => cut((text) => text.replace('code', 'edoc'))],
])('is made again where %s, and one is kept', async (_, change) => {
  await bundle();
  change();
  expect(await bundle()).toBe('code 2 “quoted”');
  expect(await bundle()).toBe('code 2 “quoted”');
  expect(readdirSync(folder())).toHaveLength(1);
});

function cut(change: (text: string) => string): void {
  const file = join(folder(), readdirSync(folder())[0] ?? '');
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}

test('is made each time where nobody knows what is installed, or nothing can be kept', async () => {
  rmSync(join(root, 'lock.json'));
  expect([await bundle(), await bundle()]).toEqual(['code 1 “quoted”', 'code 2 “quoted”']);
  writeFileSync(join(root, 'lock.json'), '');
  rmSync(folder(), { recursive: true });
  writeFileSync(folder(), 'a file');
  expect([await bundle(), await bundle()]).toEqual(['code 3 “quoted”', 'code 4 “quoted”']);
});
