/** How busy others keep the machine: waited out where asked, told in any case. Linux; elsewhere nothing is known and nothing waited for. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const LOOK_MS = 1_000;
/** Share of all cores that is idle on a machine one can measure on. */
const CALM = 0.6;

/** Returns once most of the machine is idle, or when `patienceMs` is over. */
export async function calm(patienceMs: number): Promise<void> {
  if (!existsSync('/proc/stat')) return;
  for (const end = performance.now() + patienceMs; performance.now() < end; ) {
    const before = cores();
    await pause(LOOK_MS);
    const after = cores();
    if (after.idle - before.idle >= CALM * (after.all - before.all)) return;
  }
}

/** Share of the time in which something that could run had to wait for a core (pressure stall information); null where the kernel tells none. */
export function pressureMeter(): () => number | null {
  const began = performance.now();
  const before = waitedUs();
  return () => (before === null ? null : ((waitedUs() ?? before) - before) / 1000 / (performance.now() - began));
}

function cores(): { readonly idle: number; readonly all: number } {
  const ticks = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').split(/\s+/).slice(1, 9).map(Number);
  return { idle: (ticks[3] ?? 0) + (ticks[4] ?? 0), all: ticks.reduce((sum, each) => sum + each, 0) };
}

function waitedUs(): number | null {
  const file = '/proc/pressure/cpu';
  return existsSync(file) ? Number(/^some .*total=(\d+)/.exec(readFileSync(file, 'utf8'))?.[1] ?? 0) : null;
}
