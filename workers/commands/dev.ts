/** `assay dev`: the whole fleet on this machine, of real parts, until it is told to stop. */
import { once } from 'node:events';
import type { GlobalOptions, Tell } from '../../ops/cli/handlers.ts';
import { startEmbeddedFleet } from '../embedded/embedded-fleet.ts';

/** Everything it started is gone when it ends. */
export async function runDev(_options: GlobalOptions, tell: Tell): Promise<void> {
  tell('starting a cluster, the control database, Temporal and a worker …');
  const told = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  const fleet = await startEmbeddedFleet();
  try {
    for (const line of addresses(fleet)) tell(line);
    await told;
    tell('stopping …');
  } finally {
    await fleet.stop();
  }
}

function addresses({ cluster, temporal, policyFile, worker, env }: Awaited<ReturnType<typeof startEmbeddedFleet>>): readonly string[] {
  const exports = Object.entries(env).map(([name, value]) => `  export ${name}='${value}'`);
  return [
    `cluster   psql -h ${cluster.socketDirectory} -p ${cluster.port} -U postgres`,
    `temporal  ${temporal.address}`,
    ...(temporal.uiUrl === null ? [] : [`ui        ${temporal.uiUrl}`]),
    ...(worker === null ? [] : [`metrics   ${worker.metricsUrl}`]),
    `policy    ${policyFile}`,
    'In another terminal:',
    ...exports,
    '  assay apply && assay backup run shop --type full',
    'Ctrl-C stops it and takes everything away.',
  ];
}
