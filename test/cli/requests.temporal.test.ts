import { describe, expect, test } from 'vitest';
import { workflowIds } from '../../domain/ids.ts';
import { useCannedFleet } from '../support/canned-fleet.ts';
import { connectingTo, type Ran, run, testTerminal } from './terminal.ts';

const canned = useCannedFleet();
const patience = { timeout: 20_000 };
const handlers = () => ({ connection: connectingTo(canned.get().options), clusters: async () => ['proven', 'failed'] });
const assay = (line: string | readonly string[], terminal = testTerminal()): Promise<Ran> => run(line, handlers(), terminal);

describe('a verdict is an exit status', () => {
  test.each([
    ['backup run proven', 0, 'proven (content)'],
    ['backup run failed', 1, 'failed (wal-gap)'],
    ['backup run inconclusive', 3, 'inconclusive (disk-full)'],
    ['backup run proven --prove none', 0, 'not proven, as asked'],
    ['backup prove proven --deep', 0, 'proven (content)'],
    ['backup prove failed', 1, 'segment 000000010000000000000007 is missing'],
    ['backup prove inconclusive', 3, 'no room for the clone'],
    ['backup restore proven --to-lsn 0/5 --into /tmp/x', 0, 'To go live:'],
    ['backup restore failed --to-xid 7 --into /tmp/x', 1, 'failed (wal-gap)'],
    ['backup expire proven', 0, 'older than 7 days'],
    ['backup fingerprint proven', 0, '2 object(s) are not covered'],
    ['backup restore-point proven before-1', 0, '0/4000000'],
    ['backup list proven', 0, '20261121-090000F'],
    ['backup show proven', 0, '0/2000028'],
    ['backup status proven', 0, 'good'],
    ['backup status failed', 1, 'a fault was found'],
    ['backup status inconclusive', 3, 'not proven'],
    ['backup status empty', 3, 'there is no backup'],
    ['backup run refused', 5, 'archiving does not arrive'],
    ['backup run broken', 4, 'does not answer: no route'],
    ['backup show proven no-such', 2, 'no backup no-such'],
    ['backup show proven --request never', 2, 'no request with key never'],
    ['backup certificate proven', 0, '/evidence/proven/p1.html'],
    ['backup certificate empty', 2, 'was never proven'],
  ])('%s: %d', async (line, exit, words) => {
    const people = await assay(line);
    expect(people.out + people.err).toContain(words);
    expect(people.exit).toBe(exit);
    const machine = await assay(`${line}${line.includes('restore-point') ? '-json' : ''} --json`);
    expect(machine.exit).toBe(exit);
    expect(machine.json()).toBeTypeOf('object');
    expect('error' in machine.json()).toBe(people.out === '');
  });
});

describe('JSON is the public result with its request', () => {
  test('run', async () => {
    const ran = await assay('backup run proven --type full --request j1 --json');
    expect(ran.json()).toMatchObject({
      request: { verb: 'run', cluster: 'proven', key: 'j1', workflowId: 'backup/proven/run/j1', joined: false },
      backup: { label: '20261121-090000F', requestKey: 'j1' },
      proof: { verdict: 'proven', certificate: { html: expect.any(String) } },
      engineMs: 12_000,
    });
    expect((await assay('backup run proven --type full --request j1 --json')).json()).toMatchObject({ request: { joined: true } });
  });
  test('status of all clusters of the policy: one object, the worst exit', async () => {
    const ran = await assay('backup status --json');
    expect(ran.exit).toBe(1);
    expect(ran.json()).toMatchObject({
      clusters: [
        { cluster: 'proven', standing: 'good' },
        { cluster: 'failed', standing: 'fault', because: [expect.stringContaining('failed')] },
      ],
    });
  });
  test('a server that is not there: exit 4', async () => {
    const ran = await assay('backup run proven --address 127.0.0.1:1 --json');
    expect(ran).toMatchObject({ exit: 4 });
    expect(ran.json()).toMatchObject({ error: { code: 'temporal-unreachable', values: { address: '127.0.0.1:1' } } });
  });
});

describe('--dry-run sends nothing', () => {
  test('it shows exactly what would be sent, as a plain Temporal call too', async () => {
    const ran = await assay('backup run proven --type full --request dry1 --dry-run');
    expect(ran).toMatchObject({
      exit: 0,
      out: expect.stringMatching(
        /temporal workflow start --address \S+:\d+ --namespace \S+ --type backupRun --task-queue assay --workflow-id backup\/proven\/run\/dry1 /,
      ),
    });
    expect(await canned.get().runsOf(workflowIds.backupRun('proven', 'dry1'))).toBe(0);
  });
  test('expire decides, and says what it would expire', async () => {
    const ran = await assay('backup expire proven --dry-run');
    expect(ran.out).toContain('would expire');
    expect((await assay('backup expire proven --dry-run --json')).json()).toMatchObject({ dryRun: true });
  });
  test('cancel says what would be stopped', async () => {
    await assay('backup run slow-dry --request c0 --no-wait');
    expect((await assay('backup cancel slow-dry --request c0 --dry-run')).out).toContain('would be stopped');
    expect((await assay('backup cancel slow-dry --request c0')).out).toContain('is being stopped');
    expect((await assay('backup show slow-dry --request c0')).exit).toBe(3);
  });
});

describe('Ctrl-C detaches; the request goes on', () => {
  test('and says how to come back, which ends as the first command would have', async () => {
    const terminal = testTerminal();
    const first = assay('backup run slow-detach --request d1', terminal);
    await expect.poll(() => terminal.written.err, patience).toContain('backup  full backup into repository 1');
    terminal.ctrlC();
    const left = await first;
    expect(left).toMatchObject({ exit: 3, out: expect.stringContaining('assay backup show slow-detach --request d1') });
    terminal.ctrlC();
    expect(terminal.exits).toEqual([130]);

    expect((await assay('backup show slow-detach --request d1 --no-wait --json')).json()).toMatchObject({ state: 'running', progress: { phase: 'backup' } });
    const back = assay('backup show slow-detach --request d1');
    await canned.get().signal('backup/slow-detach/run/d1', 'go');
    expect(await back).toMatchObject({ exit: 0, out: expect.stringContaining('20261121-090000F') });
    // a failed proof of the same kind would have been exit 1: show is no softer than run
    expect((await assay('backup run failed --request d2')).exit).toBe(1);
    expect((await assay('backup show failed --request d2')).exit).toBe(1);
  });
  test('also in the moment between naming the request and making it', async () => {
    const quiet = testTerminal();
    const terminal = {
      ...quiet,
      err(text: string) {
        quiet.err(text);
        if (text.startsWith('request d4')) quiet.ctrlC();
      },
    };
    const left = await assay('backup run slow-detach --request d4', terminal);
    expect(left).toMatchObject({ exit: 3, out: expect.stringContaining('assay backup show slow-detach --request d4') });
    expect(terminal.exits).toEqual([]);
    expect((await assay('backup cancel slow-detach --request d4')).exit).toBe(0);
  });
  test('in JSON too', async () => {
    const terminal = testTerminal();
    const first = assay('backup run slow-detach --request d3 --json', terminal);
    await expect.poll(() => terminal.written.err, patience).toContain('backup  full');
    terminal.ctrlC();
    expect((await first).json()).toMatchObject({ state: 'running', request: { key: 'd3' } });
    await assay('backup cancel slow-detach --request d3');
  });
});

describe('progress', () => {
  test('on a terminal it is one line that is written over; results stay on stdout', async () => {
    const terminal = testTerminal({ tty: true, color: true });
    const ran = assay('backup run slow-tty --request p1', terminal);
    await expect.poll(() => terminal.written.err, patience).toContain('\r\u001b[2Kbackup  full backup');
    await canned.get().signal('backup/slow-tty/run/p1', 'go');
    expect((await ran).out).toContain('\u001b[32mproven (content)\u001b[0m');
    expect(terminal.written.err.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
  });
  test('--quiet: nothing at all on stderr', async () => {
    expect((await assay('backup run proven --quiet')).err).toBe('');
  });
});
