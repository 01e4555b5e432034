/** `assay dev`: the whole fleet on this machine, of real parts, until it is told to stop. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { GlobalOptions, Tell } from '../../ops/cli/handlers.ts';
import { type EmbeddedFleet, startEmbeddedFleet } from '../embedded/embedded-fleet.ts';

/** A worker that ends is started again; everything is gone when this ends. */
export async function runDev(_options: GlobalOptions, tell: Tell): Promise<void> {
  tell('starting a cluster, the control database, Temporal and a worker …');
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  // servers are no children of ours and a signal keeps no process alive: without a worker nothing else would
  const alive = setInterval(() => {}, 60_000);
  const fleet = await startEmbeddedFleet({ schedules: 'nightly' });
  try {
    for (const line of addresses(fleet)) tell(line);
    await keepWorker(fleet, stop.signal, tell);
    tell('stopping …');
  } finally {
    clearInterval(alive);
    await fleet.stop();
  }
}

async function keepWorker(fleet: EmbeddedFleet, stop: AbortSignal, tell: Tell): Promise<void> {
  const stopped = stop.aborted ? Promise.resolve() : once(stop, 'abort');
  while (!stop.aborted) {
    await Promise.race([stopped, fleet.worker?.ended]);
    if (stop.aborted) return;
    tell(`the worker ended (its log: ${fleet.logFile}); starting another`);
    await fleet.startWorker();
  }
}

/** The environment holds the control database's password: it goes to a private file, not to the screen. */
function addresses({ cluster, temporal, policyFile, worker, env }: EmbeddedFleet): readonly string[] {
  const file = join(dirname(policyFile), 'env.sh');
  const lines = Object.entries(env).map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`);
  writeFileSync(file, lines.join(''), { mode: 0o600 });
  return [
    `cluster   psql -h ${cluster.socketDirectory} -p ${cluster.port} -U postgres`,
    `temporal  ${temporal.address}`,
    ...(temporal.uiUrl === null ? [] : [`ui        ${temporal.uiUrl}`]),
    ...(worker === null ? [] : [`metrics   ${worker.metricsUrl}`]),
    `policy    ${policyFile}`,
    `Elsewhere: . ${file} && ${command} apply && ${command} backup run shop --type full`,
    'Ctrl-C stops it and takes everything away.',
  ];
}

const command = join(import.meta.dirname, '../../ops/cli/assay');
