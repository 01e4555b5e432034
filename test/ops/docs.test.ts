import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { errorsMarkdown } from '../../workers/errors-docs.ts';
import { metricsMarkdown } from '../../workers/metrics-docs.ts';

test('docs/errors.md is what the catalogue says', async () => {
  await expect(errorsMarkdown()).toMatchFileSnapshot('../../docs/errors.md');
});

test('docs/metrics.md is what the catalogue and the alerts say', async () => {
  await expect(metricsMarkdown()).toMatchFileSnapshot('../../docs/metrics.md');
});

const pages = [
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' }).map((name) => join('docs', name)),
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'README.md',
].filter((path) => path.endsWith('.md') && existsSync(path));

test.each(pages)('every link of %s leads somewhere', (page) => {
  const text = readFileSync(page, 'utf8');
  const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, target]) => target as string);
  expect(links.filter((target) => !existsSync(join(dirname(page), target)))).toEqual([]);
});

test.each(pages)('every path of the tree that %s names is there', (page) => {
  const text = readFileSync(page, 'utf8');
  const paths = [...text.matchAll(/`((?:domain|workflows|activities|entities|workers|ops|test|bench|docs)\/[\w./-]+)`/g)].map(([, path]) => path as string);
  expect(paths.filter((path) => !existsSync(path))).toEqual([]);
});
