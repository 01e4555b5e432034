/** Free ports of the loopback address. */
import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/** So many different ports that were free a moment ago. */
export async function freePorts(count: number): Promise<readonly number[]> {
  // all are held open together, so that none is given twice
  const servers = await Promise.all(Array.from({ length: count }, listen));
  const ports = servers.map(portOf);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** One of them. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port as number;
}

/** Below those that outgoing connections are given (ip_local_port_range): none of these takes a port before its server listens. */
const [FIRST, LAST] = [15_000, 32_000];
const ATTEMPTS = 100;

/** On any of them that is free; where none is found, on whatever the system gives. */
async function listen(): Promise<Server> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const server = await listenAt(randomInt(FIRST, LAST)).catch(() => null);
    if (server !== null) return server;
  }
  return listenAt(0);
}

const listenAt = (port: number) =>
  new Promise<Server>((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  return address.port;
}
