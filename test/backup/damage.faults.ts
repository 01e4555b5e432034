/** Damage in a repository, each in a copy of its own: the verdict it must give, and the cause it must name. */
import { rmSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import type { Lsn } from '../../domain/backup/lsn.ts';
import type { BackupRecord } from '../../domain/backup/model.ts';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import { copyRepository, filesBelow, flipBit, type RepositoryCopy, truncateHalf } from '../support/damaged.ts';
import { fillTable, startBackup, startProof, useFleet } from '../support/fleet.ts';

const fleet = useFleet();
let backup: BackupRecord;
/** WAL up to the newest marker is known to be archived. */
let upTo: Lsn;

beforeAll(async () => {
  // well above the bundle limit (2 MiB): this table's file stands alone, the catalogue's lie in bundles
  await fillTable(fleet.get(), 150_000);
  ({ backup } = await (await startBackup(fleet.get(), { prove: 'none' })).result());
  for (let segment = 0; segment < 3; segment++) {
    await fillTable(fleet.get(), 20_000);
    await fleet.get().cluster.sql('select pg_switch_wal()');
  }
  const { proof, markers } = await (await startBackup(fleet.get(), { type: 'incremental' })).result();
  expect(proof?.verdict).toBe('proven');
  upTo = markers.at(-1)?.lsn ?? '';
  const made = await (await startProof(fleet.get(), { backup: backup.label })).result();
  expect(made).toMatchObject({ verdict: 'proven', level: 'content', findings: 0 });
}, 240_000);

/** The full backup, restored from the copy to the newest markers, so that all the WAL after it is needed. */
async function proveFrom(copy: RepositoryCopy): Promise<ProofSummary> {
  return (await startProof(fleet.get(), { backup: backup.label, policy: copy.policy, archivedLsn: upTo })).result();
}

const walAfter = (copy: RepositoryCopy) =>
  filesBelow(copy.path, /\/archive\/.*[0-9A-F]{24}-[0-9a-f]{40}/)
    .filter((file) => (/([0-9A-F]{24})-[0-9a-f]{40}/.exec(file)?.[1] ?? '') > backup.stopSegment)
    .sort();

test('an untouched copy is proven', async () => {
  expect(await proveFrom(copyRepository(fleet.get()))).toMatchObject({ verdict: 'proven', level: 'content', findings: 0 });
});

test('one bit in a file of the backup: failed, backup-file-corrupt', async () => {
  const copy = copyRepository(fleet.get());
  const [file] = filesBelow(copy.path, new RegExp(`/backup/.*/${backup.label}/pg_data/base/`));
  flipBit(file as string);
  expect(await proveFrom(copy)).toMatchObject({ verdict: 'failed', cause: 'backup-file-corrupt' });
});

test('one bit inside a bundle: failed, backup-file-corrupt', async () => {
  const copy = copyRepository(fleet.get());
  const [bundle] = filesBelow(copy.path, new RegExp(`/backup/.*/${backup.label}/bundle/`));
  flipBit(bundle as string);
  expect(await proveFrom(copy)).toMatchObject({ verdict: 'failed', cause: 'backup-file-corrupt' });
});

test('one bit in an archived WAL segment: failed, wal-corrupt', async () => {
  const copy = copyRepository(fleet.get());
  flipBit(walAfter(copy)[1] as string);
  expect(await proveFrom(copy)).toMatchObject({ verdict: 'failed', cause: 'wal-corrupt' });
});

test('a WAL segment missing in the middle: failed, wal-gap, named with the minutes it costs', async () => {
  const copy = copyRepository(fleet.get());
  const victim = walAfter(copy)[1] as string;
  rmSync(victim);
  const proof = await proveFrom(copy);
  expect(proof).toMatchObject({ verdict: 'failed', cause: 'wal-gap' });
  expect(proof.because.join(' ')).toContain(/([0-9A-F]{24})-/.exec(victim)?.[1]);
  expect(proof.because.join(' ')).toMatch(/minutes .* would be lost/);
});

test('one manifest copy truncated: proven, with a finding', async () => {
  const copy = copyRepository(fleet.get());
  truncateHalf(filesBelow(copy.path, new RegExp(`${backup.label}/backup\\.manifest$`))[0] as string);
  expect(await proveFrom(copy)).toMatchObject({ verdict: 'proven', findings: 1 });
});

test('both manifest copies damaged: failed', async () => {
  const copy = copyRepository(fleet.get());
  for (const file of filesBelow(copy.path, new RegExp(`${backup.label}/backup\\.manifest(\\.copy)?$`))) truncateHalf(file);
  expect(await proveFrom(copy)).toMatchObject({ verdict: 'failed', cause: 'manifest-damaged' });
});

test('the wrong cipher key: inconclusive, wrong-cipher-key', async () => {
  const copy = copyRepository(fleet.get(), (text) => text.replace(/repo1-cipher-pass=.*/, 'repo1-cipher-pass=not-the-key'));
  expect(await proveFrom(copy)).toMatchObject({ verdict: 'inconclusive', cause: 'wrong-cipher-key' });
});
