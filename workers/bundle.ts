/** The workflows as one bundle, built once per process. */
import { fileURLToPath } from 'node:url';
import { run } from '../activities/process.ts';

let built: Promise<{ readonly code: string }> | undefined;

const LONGEST_MS = 120_000;

/**
 * Takes 1-3 s the first time. The bundler needs 160 MB, which Node would never give back: so it runs in a process of its own, and a worker
 * stays small.
 */
export function workflowBundle(): Promise<{ readonly code: string }> {
  built ??= bundle();
  return built;
}

async function bundle(): Promise<{ readonly code: string }> {
  const program = fileURLToPath(new URL('./bundle-process.ts', import.meta.url));
  const { stdout } = await run({ argv: [process.execPath, program], deadlineMs: LONGEST_MS });
  return { code: stdout };
}
