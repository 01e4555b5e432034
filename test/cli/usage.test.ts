import { describe, expect, test } from 'vitest';
import { AssayError } from '../../domain/errors.ts';
import type { ApplyReport, PlanReport } from '../../ops/cli/handlers.ts';
import { run, testTerminal } from './terminal.ts';

describe('usage errors exit 2, on stderr for people and as one object for machines', () => {
  test.each([
    ['backup run', 'missing required argument'],
    ['backup run shop --type whole', 'Allowed choices are full'],
    ['backup run shop --colour', 'unknown option'],
    ['backup fly', "unknown command 'fly'"],
    ['backup run a/b', 'no name of a cluster'],
    ['backup run shop --request a/b', 'no request key'],
    ['backup run shop --repository 0', 'whole number'],
    ['backup restore shop --into /tmp/x', 'no target is given'],
    ['backup restore shop --to-lsn 0/1', "required option '--into"],
    ['backup restore shop --into /tmp/x --to-lsn 0/1 --to-xid 5', 'given together'],
    ['backup restore shop --into /tmp/x --to-time 2026-11-21T10:00:00', 'without an offset'],
    ['backup prove shop --random --to-lsn 0/1', '--random'],
  ])('%s', async (line, reason) => {
    const people = await run(line);
    expect(people.exit).toBe(2);
    expect(people.out).toBe('');
    expect(people.err).toContain(reason);
    const machine = await run(`${line} --json`);
    expect(machine.exit).toBe(2);
    expect(machine.json()).toMatchObject({
      error: { code: 'usage', message: expect.stringContaining(reason), hint: expect.any(String), values: expect.any(Object) },
    });
  });

  test('a group without a command shows its help', async () => {
    expect(await run('backup')).toMatchObject({ exit: 2, out: '', err: expect.stringContaining('verify-certificate') });
    expect((await run('backup --json')).json()).toMatchObject({ error: { code: 'usage' } });
  });

  test('--help and --version are no errors', async () => {
    expect(await run('backup run --help')).toMatchObject({ exit: 0, out: expect.stringContaining('--prove') });
    expect(await run('--version')).toMatchObject({ exit: 0, out: '0.0.0-test\n' });
  });
});

test('an error of a handler keeps its code, hint and exit status', async () => {
  const doctor = async () => {
    throw new AssayError('policy-unreadable', { file: 'assay.yaml', reason: 'it is not there' });
  };
  const people = await run('doctor', { doctor });
  expect(people).toMatchObject({ exit: 2, out: '' });
  expect(people.err).toContain('→ write one with `assay init`');
  expect((await run('doctor --json', { doctor })).json()).toEqual({
    error: {
      code: 'policy-unreadable',
      message: 'cannot read the policy assay.yaml: it is not there',
      hint: expect.any(String),
      values: { file: 'assay.yaml', reason: 'it is not there' },
    },
  });
});

test('a worker that no terminal shows says why it could not start in one line of JSON, as its whole log is', async () => {
  const worker = async () => {
    throw new AssayError('control-unreachable', { reason: 'nobody there\nat all' });
  };
  const unseen = await run('worker', { worker });
  expect(unseen).toMatchObject({ exit: 4, err: '' });
  expect(
    unseen.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([expect.objectContaining({ level: 'error', kind: 'worker-failed', error: expect.objectContaining({ code: 'control-unreachable' }) })]);
  const seen = await run('worker', { worker }, testTerminal({ tty: true }));
  expect(seen).toMatchObject({ exit: 4, out: '', err: expect.stringMatching(/^assay: .*nobody there/) });
});

test('whatever is no error of ours is internal, never a stack trace', async () => {
  const plan = async () => {
    throw new TypeError('x is not a function');
  };
  expect(await run('plan', { plan })).toMatchObject({ exit: 1, out: '', err: expect.not.stringContaining('    at ') });
});

test('doctor exits 1 for a fault, 0 for warnings', async () => {
  const line = { cluster: 'shop', name: 'checksums', line: 'off', fix: 'turn them on' };
  expect(await run('doctor', { doctor: async () => [{ ...line, outcome: 'warning' }] })).toMatchObject({
    exit: 0,
    out: expect.stringContaining('→ turn them on'),
  });
  expect(await run('doctor', { doctor: async () => [{ ...line, outcome: 'fault' }] })).toMatchObject({ exit: 1 });
});

describe('apply takes a cluster away only when somebody says so', () => {
  const change = { kind: 'remove', subject: 'schedule', cluster: 'old', what: 'backup/old/schedule/full', why: 'old is no longer in the file' } as const;
  const plan = async (): Promise<PlanReport> => ({ changes: [change], runs: [], unseen: [], notes: [] });
  const apply = async ({ confirmRemovals }: { confirmRemovals: boolean }): Promise<ApplyReport> =>
    confirmRemovals ? { done: [change], refused: [], failed: [], unseen: [], notes: [] } : { done: [], refused: [change], failed: [], unseen: [], notes: [] };
  const handlers = { clusters: async () => ['shop'], plan, apply };

  test('nobody there: refused, exit 5, with the way out', async () => {
    expect(await run('apply', handlers)).toMatchObject({ exit: 5, out: expect.stringContaining('assay apply --yes') });
  });
  test('confirmed, or --yes: done', async () => {
    expect((await run('apply', handlers, testTerminal({ tty: true, confirm: true }))).exit).toBe(0);
    expect((await run('apply --yes', handlers)).exit).toBe(0);
  });
  test('--dry-run is plan', async () => {
    expect(await run('apply --dry-run', handlers)).toMatchObject({ exit: 0, out: expect.stringContaining('- old: schedule') });
  });
});

test('a cluster that did not answer is not called well: exit 4', async () => {
  const plan = async (): Promise<PlanReport> => ({ changes: [], runs: [], unseen: ['till'], notes: [] });
  const error = new AssayError('cluster-unreachable', { cluster: 'till', reason: 'no route' });
  const failed = [{ cluster: 'till', error, made: [], left: [] }];
  const apply = async (): Promise<ApplyReport> => ({ done: [], refused: [], failed, unseen: ['till'], notes: [`till: ${error.message}`, 'another'] });
  const handlers = { clusters: async () => ['till'], plan, apply };
  expect(await run('plan', handlers)).toMatchObject({ exit: 4, out: expect.stringContaining('till did not answer') });
  const { exit, out } = await run('apply', handlers);
  expect(exit).toBe(4);
  for (const said of ['cluster till does not answer: no route', 'nothing was changed for till', '→ check its connection']) expect(out).toContain(said);
  expect(out.split(error.message)).toHaveLength(2);
  expect(out).toContain('· another');
  const { out: json } = await run('apply --json', handlers);
  expect(JSON.parse(json)).toMatchObject({ failed: [{ cluster: 'till', error: { code: 'cluster-unreachable' }, made: [] }] });
});

test('plan --sql is SQL and nothing else', async () => {
  const change = (cluster: string, sql: string) => ({ kind: 'add', subject: 'sql', cluster, what: sql, why: 'because', sql }) as const;
  const policy = { kind: 'add', subject: 'policy', cluster: 'shop', what: 'applied policy', why: 'none' } as const;
  const changes = [change('shop', 'create schema assay'), policy, change('till', 'grant a to b'), change('shop', 'grant c to d')];
  const plan = async (): Promise<PlanReport> => ({ changes, runs: [], unseen: [], notes: [] });
  expect((await run('plan --sql', { plan })).out).toBe('-- shop\ncreate schema assay;\ngrant c to d;\n\n-- till\ngrant a to b;\n');
});

describe('remove shows its SQL first', () => {
  const sql = 'drop schema assay cascade';
  const report = { changes: [{ kind: 'remove', subject: 'sql', cluster: 'shop', what: 'schema', why: 'shop is removed', sql } as const], notes: [] };
  const asked: boolean[] = [];
  const remove = async ({ dryRun }: { dryRun: boolean }) => {
    asked.push(dryRun);
    return report;
  };
  test('unconfirmed: refused, exit 5, nothing done', async () => {
    asked.length = 0;
    const ran = await run('remove shop', { remove });
    expect(ran.exit).toBe(5);
    expect(ran.err).toContain(sql);
    expect(asked).toEqual([true]);
  });
  test('--sql is SQL and nothing else, and takes nothing away', async () => {
    asked.length = 0;
    expect(await run('remove shop --sql', { remove })).toMatchObject({ exit: 0, out: `-- shop\n${sql};\n`, err: '' });
    expect(asked).toEqual([true]);
  });
  test('confirmed: done', async () => {
    asked.length = 0;
    expect((await run('remove shop --yes', { remove })).exit).toBe(0);
    expect(asked).toEqual([true, false]);
  });
});

test('restore --print needs nothing but its handler', async () => {
  const restorePrint = async () => ({ commands: [['pgbackrest', 'restore']], text: 'pgbackrest restore', notes: ['as postgres'] });
  expect(await run('backup restore shop --into /tmp/x --to-name before --print', { restorePrint })).toMatchObject({
    exit: 0,
    out: '# as postgres\npgbackrest restore\n',
  });
});

test('verify-certificate exits 1 for a certificate that does not verify', async () => {
  const report = { valid: false, keys: ['sha256:ab'], chains: [], faults: [{ file: 'a.json', reason: 'the signature is of another key' }], notes: [] };
  const ran = await run('backup verify-certificate a.json --key k.pub', { verifyCertificates: async () => report });
  expect(ran).toMatchObject({ exit: 1, out: expect.stringContaining('NOT to be relied on') });
});
