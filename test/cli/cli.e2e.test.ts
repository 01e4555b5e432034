/** The command as people run it, a process of its own, on a real fleet. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fillTable, useFleet } from '../support/fleet.ts';

const fleet = useFleet();
const assayFile = new URL('../../ops/cli/assay', import.meta.url).pathname;

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cli-e2e-'));
  chmodSync(folder, 0o711);
  await fillTable(fleet.get(), 2_000);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Done {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

function start(...argv: string[]): { readonly child: ChildProcess; readonly done: Promise<Done>; readonly err: () => string } {
  const child = spawn(assayFile, argv, { cwd: '/', env: { ...process.env, ...fleet.get().env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.on('data', (data) => {
    said.out += data;
  });
  child.stderr.on('data', (data) => {
    said.err += data;
  });
  const done = once(child, 'close').then(([exit]) => ({ exit: exit as number, ...said }));
  return { child, done, err: () => said.err };
}

const assay = (...argv: string[]) => start(...argv).done;

/** The whole of stdout must be one object. */
async function json(...argv: string[]) {
  const done = await assay(...argv, '--json');
  return { exit: done.exit, data: JSON.parse(done.out) };
}

test('everything as the file says: apply changes nothing', async () => {
  expect(await json('apply')).toMatchObject({ exit: 0, data: { done: [], refused: [] } });
});

describe('a backup', () => {
  test('is proven by content, exit 0, and found again by its request', async () => {
    const ran = await json('backup', 'run', 'shop', '--type', 'full', '--request', 'first');
    expect(ran).toMatchObject({ exit: 0, data: { request: { key: 'first' }, proof: { verdict: 'proven', level: 'content' } } });
    expect(await json('backup', 'show', 'shop', '--request', 'first')).toMatchObject({ exit: 0, data: { backup: ran.data.backup } });
    expect((await assay('backup', 'list', 'shop')).out).toContain(ran.data.backup.label);
    expect((await assay('backup', 'status')).exit).toBe(0);
  });

  test('is proven by structure where that is asked for: sound is never failed', async () => {
    expect(await json('backup', 'run', 'shop', '--prove', 'structure')).toMatchObject({ exit: 0, data: { proof: { verdict: 'proven', level: 'structure' } } });
  });

  test('has a certificate that verifies offline', async () => {
    const { data } = await json('backup', 'certificate', 'shop');
    const checked = await json('backup', 'verify-certificate', data.proof.certificate.json, '--key', fleet.get().keys.publicKey);
    expect(checked).toMatchObject({ exit: 0, data: { valid: true } });
  });

  test('Ctrl-C leaves it running; coming back ends as it ends', async () => {
    const first = start('backup', 'run', 'shop', '--request', 'left');
    await expect.poll(first.err, { timeout: 30_000 }).toMatch(/^(backup|preflight|waiting) {2}/m);
    first.child.kill('SIGINT');
    expect(await first.done).toMatchObject({ exit: 3, out: expect.stringContaining('assay backup show shop --request left') });
    expect(await json('backup', 'show', 'shop', '--request', 'left')).toMatchObject({ exit: 0, data: { proof: { verdict: 'proven' } } });
  });
});

describe('a restore', () => {
  test('to a restore point runs, holds what was there then, and is gone when it is stopped and removed', async () => {
    await fleet.get().cluster.sql('create table before_it (id int)');
    expect(await json('backup', 'restore-point', 'shop', 'point-1')).toMatchObject({ exit: 0, data: { name: 'point-1' } });
    await fleet.get().cluster.sql('create table after_it (id int)');
    const into = join(folder, 'r1');
    const restored = await json('backup', 'restore', 'shop', '--to-name', 'point-1', '--into', into);
    expect(restored).toMatchObject({ exit: 0, data: { directory: into, proof: { verdict: 'proven' } } });
    const { socket, port, dataDirectory } = restored.data as { socket: string; port: number; dataDirectory: string };
    try {
      const tables = await query(socket, port, "select tablename from pg_tables where tablename in ('before_it', 'after_it')");
      expect(tables).toEqual(['before_it']);
    } finally {
      await stopServer(dataDirectory);
    }
  });

  test('to a moment that cannot be reached is refused, exit 5, with the nearest one; nothing is left', async () => {
    const into = join(folder, 'never');
    const refused = await json('backup', 'restore', 'shop', '--to-time', '2001-01-01T00:00:00Z', '--into', into);
    expect(refused).toMatchObject({ exit: 5, data: { error: { code: 'target-unreachable', hint: expect.stringContaining('nearest reachable') } } });
    expect(existsSync(into)).toBe(false);
  });
});

test('without the control database a question fails within seconds and says why', async () => {
  await fleet.get().control.stop('immediate');
  try {
    const began = Date.now();
    expect(await json('backup', 'list', 'shop')).toMatchObject({ exit: 4, data: { error: { code: 'control-unreachable' } } });
    // eight tries of one step would be 35 s
    expect(Date.now() - began).toBeLessThan(15_000);
  } finally {
    await fleet.get().control.start();
  }
});

async function query(socket: string, port: number, text: string): Promise<readonly string[]> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ host: socket, port, user: 'postgres', database: 'postgres' });
  await client.connect();
  try {
    const { rows } = await client.query<{ tablename: string }>(text);
    return rows.map((row) => row.tablename);
  } finally {
    await client.end();
  }
}

/** Immediate: the folder is removed next. */
async function stopServer(dataDirectory: string): Promise<void> {
  const { readFileSync } = await import('node:fs');
  const pid = Number(readFileSync(join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n')[0]);
  process.kill(pid, 'SIGQUIT');
  await expect.poll(() => existsSync(join(dataDirectory, 'postmaster.pid')), { timeout: 20_000 }).toBe(false);
}
