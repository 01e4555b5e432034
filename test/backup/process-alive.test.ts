import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { isAlive } from '../../activities/process-alive.ts';
import { eventually } from '../support/engine.ts';

const undo: (() => void)[] = [];
afterEach(() => {
  for (const step of undo.splice(0)) step();
});

const stateOf = (pid: number) => execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).trim();

/** A process that has ended, and whose parent never asks after it. */
async function zombie(program: string): Promise<number> {
  const parent = spawn('/bin/sh', ['-c', '"$0" 1 & echo $!; exec sleep 600', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  undo.push(() => parent.kill('SIGKILL'));
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  await eventually(() => stateOf(pid).startsWith('Z'), 'a zombie');
  return pid;
}

test('one that runs does, one that has ended does not', async () => {
  expect(isAlive(process.pid)).toBe(true);
  const child = spawn('/bin/sleep', ['600']);
  const pid = child.pid ?? 0;
  expect(isAlive(pid)).toBe(true);
  child.kill('SIGSTOP');
  await eventually(() => stateOf(pid).startsWith('T'), 'it to stop');
  expect(isAlive(pid)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isAlive(pid)).toBe(false);
});

test('a zombie does not, though a signal reaches it', async () => {
  const pid = await zombie('/bin/sleep');
  expect(process.kill(pid, 0)).toBe(true);
  expect(isAlive(pid)).toBe(false);
});

test('whatever it was called', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'alive-'));
  undo.push(() => rmSync(folder, { recursive: true }));
  const program = join(folder, 'a) R (b');
  copyFileSync('/bin/sleep', program);
  expect(isAlive(await zombie(program))).toBe(false);
});
