import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { completionScript } from '../../ops/cli/completion.ts';
import { buildProgram } from '../../ops/cli/program.ts';
import { manual } from '../../ops/cli/reference.ts';
import { leaves, treeOf } from '../../ops/cli/tree.ts';
import { run } from './terminal.ts';

const root = new URL('../..', import.meta.url).pathname;
const silent = { session: () => never(), finish: never, version: '0', columns: 100, writeOut: never, writeErr: never };
function never(): never {
  throw new Error('nothing is run here');
}
const tree = treeOf(buildProgram(silent));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('docs/cli.md is what the tree says (`assay completion manual > docs/cli.md` makes it so)', () => {
  expect(readFileSync(`${root}docs/cli.md`, 'utf8')).toBe(manual(tree));
});

test('every command of the design is there', () => {
  const backup = ['run', 'prove', 'restore', 'expire', 'fingerprint', 'restore-point', 'list', 'show', 'certificate', 'status', 'verify-certificate'];
  const fleet = ['init', 'doctor', 'plan', 'apply', 'remove', 'config show', 'dev', 'worker', 'completion'];
  const paths = leaves(tree).map(({ path }) => path);
  const optimizer = ['run', 'explain', 'accuracy', 'queries', 'recommendations', 'show'];
  for (const path of [...backup.map((verb) => `backup ${verb}`), ...optimizer.map((verb) => `optimizer ${verb}`), ...fleet])
    expect(paths).toContain(`assay ${path}`);
});

test('every command that writes has --dry-run', () => {
  const reads = [
    'list',
    'show',
    'recommendations',
    'explain',
    'accuracy',
    'queries',
    'hygiene',
    'history',
    'certificate',
    'status',
    'verify-certificate',
    'doctor',
    'plan',
    'config show',
    'dev',
    'worker',
    'completion',
  ];
  // what a decision leads to is shown by `optimizer show`, and bound to what was shown by its digest
  const decisions = ['optimizer approve', 'optimizer refuse'];
  const writes = leaves(tree).filter(({ path }) => ![...reads, ...decisions].some((each) => path.endsWith(` ${each}`)));
  expect(writes.length).toBeGreaterThan(8);
  expect(writes.filter(({ options }) => !options.some(({ long }) => long === '--dry-run')).map(({ path }) => path)).toEqual([]);
});

describe('bash completion', () => {
  /** A shell of its own, with an `assay` that knows two clusters. */
  function complete(...words: string[]): string[] {
    writeFileSync(join(folder, 'assay'), '#!/bin/sh\n[ "$*" = "completion clusters" ] && echo shop billing\n');
    chmodSync(join(folder, 'assay'), 0o755);
    writeFileSync(join(folder, 'completion.bash'), completionScript(tree, 'bash'));
    const script = `source ${folder}/completion.bash; COMP_WORDS=(assay "$@"); COMP_CWORD=$#; _assay; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
    return execFileSync('bash', ['--norc', '-c', script, 'bash', ...words], { encoding: 'utf8', env })
      .split('\n')
      .filter((line) => line !== '');
  }

  test('commands', () => {
    expect(complete('ba')).toEqual(['backup']);
    expect(complete('backup', 're')).toEqual(['restore', 'restore-point']);
  });
  test('clusters, asked for while completing', () => {
    expect(complete('backup', 'run', 's')).toEqual(['shop']);
  });
  test('options of the command and of all commands', () => {
    expect(complete('backup', 'restore', 'shop', '--to')).toEqual(['--to-time', '--to-lsn', '--to-name', '--to-xid']);
    expect(complete('backup', 'run', 'shop', '--js')).toEqual(['--json']);
  });
  test('values of an option', () => {
    expect(complete('backup', 'run', 'shop', '--type', 'f')).toEqual(['full']);
  });
});

test('zsh and fish scripts name every command', () => {
  for (const shell of ['zsh', 'fish'] as const) {
    const script = completionScript(tree, shell);
    for (const { name } of leaves(tree)) expect(script).toContain(name);
  }
});

test('`assay completion clusters` lists the policy’s clusters, one a line', async () => {
  expect((await run('completion clusters', { clusters: async () => ['shop', 'billing'] })).out).toBe('shop\nbilling\n');
});

test('the command is found through links and from any folder', () => {
  symlinkSync(`${root}ops/cli/assay`, join(folder, 'one'));
  symlinkSync('one', join(folder, 'two'));
  expect(execFileSync(join(folder, 'two'), ['--version'], { cwd: '/', encoding: 'utf8' })).toMatch(/^\d+\.\d+\.\d+\n$/);
});
