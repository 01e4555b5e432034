/** `assay backup expire` through the fleet, with the policy as its file says and `apply` made it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { pgbackrest } from '../../activities/backup/engines/pgbackrest.ts';
import type { BackupRecord } from '../../domain/backup/model.ts';
import type { BackupExpireResult } from '../../domain/backup/requests.ts';
import { assay } from '../support/assay-command.ts';
import { fillTable, useFleet } from '../support/fleet.ts';

const fleet = useFleet();
const said = (...argv: string[]) => assay(argv, fleet.get().env);

/** One full backup, no days: a chain may go as soon as a newer one is proven. */
function keepOneFull(): void {
  const file = parse(readFileSync(fleet.get().policyFile, 'utf8'));
  file.clusters.shop.retention = { fulls: 1, days: 0 };
  writeFileSync(fleet.get().policyFile, stringify(file));
}

async function backup(type: string, prove: string): Promise<BackupRecord> {
  const { exit, json } = await said('backup', 'run', 'shop', '--type', type, '--prove', prove);
  expect(exit, JSON.stringify(json)).toBe(0);
  return json.backup;
}

const repository = () => pgbackrest(fleet.get().policy(), { observe: () => {} });
const labels = async () => (await repository().info(1)).backups.map(({ label }) => label);
const wal = async () => (await repository().archive(1)).map(({ name }) => name);
const named = (reasons: BackupExpireResult['kept']) => reasons.map(({ label }) => label);
const decided = ({ kept, expired }: BackupExpireResult) => ({ kept, expired });

let proven: BackupRecord;

beforeAll(async () => {
  await fillTable(fleet.get(), 2_000);
  keepOneFull();
  expect((await said('apply')).exit).toBe(0);
  await backup('full', 'none');
  await backup('incremental', 'none');
  proven = await backup('full', 'structure');
}, 300_000);

test('what a dry run says is what the run then does: those backups go, and the WAL that only they needed', async () => {
  const [labelsBefore, walBefore] = [await labels(), await wal()];
  const dry = await said('backup', 'expire', 'shop', '--dry-run');
  expect(dry).toMatchObject({ exit: 0, json: { dryRun: true } });
  expect(named(dry.json.expired)).toEqual(labelsBefore.slice(0, 2));
  expect(await labels()).toEqual(labelsBefore);
  expect((await wal()).slice(0, walBefore.length)).toEqual(walBefore);

  const real = await said('backup', 'expire', 'shop');
  expect(real).toMatchObject({ exit: 0, json: { dryRun: false } });
  expect(decided(real.json)).toEqual(decided(dry.json));
  expect(await labels()).toEqual([proven.label]);
  const walAfter = await wal();
  expect(walAfter[0]).toBe(proven.startSegment);
  expect(walBefore.filter((name) => name < proven.startSegment).length).toBeGreaterThan(0);
  expect(walAfter).toEqual(expect.arrayContaining(walBefore.filter((name) => name >= proven.startSegment)));
});

test('the newest proven chain stays where a newer backup was not proven', async () => {
  const unproven = await backup('full', 'none');
  const { exit, json } = await said('backup', 'expire', 'shop');
  expect(exit).toBe(0);
  expect(named(json.kept)).toContain(proven.label);
  expect(json.kept.find((each: { label: string }) => each.label === proven.label).because).toContain('the newest proven backup');
  expect(await labels()).toContain(proven.label);
  expect(await labels()).toContain(unproven.label);
  expect((await wal())[0]).toBe(proven.startSegment);
  expect((await said('backup', 'prove', 'shop', proven.label)).json).toMatchObject({ verdict: 'proven' });
});
