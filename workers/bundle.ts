/** The workflows as one bundle: made once, and again where they changed. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../activities/process.ts';
import { cachedBundle } from './bundle-cache.ts';
import { root } from './embedded/binaries.ts';

let built: Promise<{ readonly code: string }> | undefined;

const LONGEST_MS = 120_000;

/** `.package-lock.json` is npm's own list of what is really installed. */
const place = {
  folder: join(root, 'node_modules/.cache/assay'),
  sources: ['workflows', 'domain', 'workers/bundle-process.ts', 'node_modules/.package-lock.json'].map((name) => join(root, name)),
};

/**
 * Takes 1-3 s where it is not kept from an earlier process. The bundler needs 160 MB, which Node would never give back: so it runs in a process
 * of its own, and a worker stays small.
 */
export function workflowBundle(): Promise<{ readonly code: string }> {
  built ??= cachedBundle(place, bundle).then((code) => ({ code }));
  return built;
}

async function bundle(): Promise<string> {
  const program = fileURLToPath(new URL('./bundle-process.ts', import.meta.url));
  return (await run({ argv: [process.execPath, program], deadlineMs: LONGEST_MS })).stdout;
}
