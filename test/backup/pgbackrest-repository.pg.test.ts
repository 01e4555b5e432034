import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ArchivedSegment } from '../../domain/backup/model.ts';
import { restorableWindow } from '../../domain/backup/window.ts';
import type { EmbeddedCluster } from '../../workers/embedded/cluster.ts';
import { testCluster } from '../support/cluster.ts';
import { engineOf, nextSegment, testIo } from '../support/engine.ts';
import { serverMajor } from '../support/major.ts';

let cluster: EmbeddedCluster;

/** What 2.45 says after four tries. 2.55 tries three times as often, past our deadline. */
const REFUSED = /Connection refused|no answer to info in time/;
let label = '';
beforeAll(async () => {
  cluster = await testCluster({ name: 'shop' });
  // a damaged file is tried again after this instead of 15 s
  appendFileSync(cluster.configFile, '\n[global]\njob-retry-interval=1\n');
  label = (await engineOf(cluster).backup({ type: 'full', requestKey: 'first', repository: 1 }, testIo())).backup.label;
  for (let made = 0; made < 4; made += 1) await nextSegment(cluster);
}, 120_000);

const engine = () => engineOf(cluster);
const inRepository = (path: string) => join(cluster.repositoryPath, path);

/** Changes a file in place for the length of a test: its owner stays. */
async function damaged<T>(path: string, change: (file: string) => void, look: () => Promise<T>): Promise<T> {
  const file = inRepository(path);
  const before = readFileSync(file);
  change(file);
  try {
    return await look();
  } finally {
    writeFileSync(file, before);
  }
}

const flipBit = (file: string) => {
  const bytes = readFileSync(file);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(file, bytes);
};

describe('the archive', { timeout: 60_000 }, () => {
  test('is listed as it lies in the repository: whole segments only, in WAL order', async () => {
    const segments = await engine().archive(1);
    const files = readdirSync(inRepository(`archive/shop/${serverMajor(cluster)}-1/0000000100000000`));
    expect(segments.map((each) => each.path.split('/').at(-1))).toEqual(files.filter((file) => /^[0-9A-F]{24}-/.test(file)).sort());
    expect(files.some((file) => file.endsWith('.backup'))).toBe(true);
    for (const each of segments) expect(each.sizeBytes).toBeGreaterThan(0);
    expect(Date.now() - Date.parse((segments.at(-1) as ArchivedSegment).archivedAt)).toBeLessThan(60_000);
  });

  test('is listed from one segment on', async () => {
    const segments = await engine().archive(1);
    const since = (segments.at(-2) as ArchivedSegment).name;
    expect(await engine().archive(1, since)).toEqual(segments.slice(-2));
    expect(await engine().archive(1, '0000000100000001000000FF')).toEqual([]);
  });

  test('with a segment gone from its middle has a gap, while the engine says ok', async () => {
    const before = await engine().archive(1);
    const victim = before.at(-2) as ArchivedSegment;
    const away = join(cluster.directory, 'away');
    renameSync(inRepository(victim.path), away);
    try {
      const [info, segments, verify] = [await engine().info(1), await engine().archive(1), await engine().verify(1, testIo())];
      const window = restorableWindow({ backups: info.backups, segments, segmentBytes: 16 * 1024 * 1024, source: null });
      expect(window.gaps).toMatchObject([{ firstMissing: victim.name, lastMissing: victim.name, segments: 1 }]);
      expect(verify).toMatchObject({ status: 'ok', exit: 0 });
    } finally {
      renameSync(away, inRepository(victim.path));
    }
    const [info, segments] = [await engine().info(1), await engine().archive(1)];
    expect(restorableWindow({ backups: info.backups, segments, segmentBytes: 16 * 1024 * 1024, source: null }).gaps).toEqual([]);
  });

  test('sound segments are what they were', async () => {
    expect(await engine().damagedSegments(1, await engine().archive(1), testIo())).toEqual([]);
  });

  test('one bit, a cut end, nothing at all: each damaged segment is named', async () => {
    const segments = await engine().archive(1);
    const victim = segments[1] as ArchivedSegment;
    const look = () => engine().damagedSegments(1, segments, testIo());
    const faults = [flipBit, (file: string) => truncateSync(file, 100), (file: string) => truncateSync(file, 0)];
    for (const fault of faults) {
      const found = await damaged(victim.path, fault, look);
      expect(found.map((each) => each.segment)).toEqual([victim.name]);
      expect(found[0]?.reason).not.toBe('');
    }
  });

  test('a segment under a wrong name is named', async () => {
    const segments = await engine().archive(1);
    const [a, b] = [segments[0] as ArchivedSegment, segments[1] as ArchivedSegment];
    const content = readFileSync(inRepository(b.path));
    const found = await damaged(
      a.path,
      (file) => writeFileSync(file, content),
      () => engine().damagedSegments(1, [a], testIo()),
    );
    expect(found).toMatchObject([{ segment: a.name, reason: expect.stringContaining('its name says') }]);
  });
});

describe('manifests', { timeout: 60_000 }, () => {
  const path = (name: string) => `backup/shop/${label}/${name}`;

  test('of a sound backup are equal', async () => {
    expect(await engine().manifestCopies(1, label)).toMatchObject({ label, state: 'equal' });
  });

  test.each(['backup.manifest', 'backup.manifest.copy'])('a truncated %s is noticed, though the engine restores from the other', async (name) => {
    const found = await damaged(
      path(name),
      (file) => truncateSync(file, 1000),
      () => engine().manifestCopies(1, label),
    );
    expect(found).toMatchObject({ state: 'one-damaged', detail: expect.stringContaining(name) });
  });

  test('one bit is noticed too', async () => {
    expect(await damaged(path('backup.manifest.copy'), flipBit, () => engine().manifestCopies(1, label))).toMatchObject({ state: 'one-damaged' });
  });

  test('a missing copy is noticed', async () => {
    const found = await damaged(
      path('backup.manifest.copy'),
      (file) => rmSync(file),
      () => engine().manifestCopies(1, label),
    );
    expect(found).toMatchObject({ state: 'one-damaged' });
  });

  test('both truncated alike are both damaged', async () => {
    const cut = (file: string) => truncateSync(file, 1000);
    const found = await damaged(path('backup.manifest'), cut, () => damaged(path('backup.manifest.copy'), cut, () => engine().manifestCopies(1, label)));
    expect(found).toMatchObject({ state: 'both-damaged', detail: expect.stringContaining('manifest') });
  });

  test('of a backup that is not there are refused', async () => {
    await expect(engine().manifestCopies(1, '20200101-000000F')).rejects.toMatchObject({ code: 'backup-unknown' });
  });
});

describe("the engine's own verify", { timeout: 60_000 }, () => {
  test('says ok of a sound repository', async () => {
    expect(await engine().verify(1, testIo())).toMatchObject({ status: 'ok', exit: 0, text: expect.stringContaining('total WAL checked') });
  });

  test('says error in words while it exits 0', async () => {
    const victim = (await engine().archive(1))[1] as ArchivedSegment;
    const found = await damaged(victim.path, flipBit, () => engine().verify(1, testIo()));
    expect(found.status).toBe('error');
  });
});

describe('what goes wrong is named', { timeout: 120_000 }, () => {
  /** The same cluster through a configuration of its own. */
  const withConfig = (name: string, change: (text: string) => string) => {
    const config = join(cluster.directory, `${name}.conf`);
    const text = readFileSync(cluster.configFile, 'utf8');
    writeFileSync(config, readFileSync(cluster.configFile));
    writeFileSync(config, change(text), { mode: 0o644 });
    return engineOf(cluster, (policy) => ({ ...policy, engine: { ...policy.engine, config } }));
  };

  test('a wrong cipher key', async () => {
    const wrong = withConfig('wrong-key', (text) => text.replace(/repo1-cipher-pass=.*/, 'repo1-cipher-pass=certainlyNotThatOne'));
    await expect(wrong.info(1)).rejects.toMatchObject({ code: 'wrong-cipher-key' });
    const failure = await wrong.info(1).catch((error: Error) => error.message);
    expect(failure).not.toContain('certainlyNotThatOne');
    // bytes of the encrypted file must not reach a terminal
    expect(failure).toMatch(/^[\x20-\x7e\n]*$/);
  });

  test('a dead S3 endpoint, within a minute where the configuration says 3 s', async () => {
    const s3 = [
      'repo1-type=s3',
      'repo1-s3-bucket=b',
      'repo1-s3-endpoint=127.0.0.1',
      'repo1-storage-port=1',
      'repo1-s3-region=us-east-1',
      'repo1-s3-uri-style=path',
      'repo1-s3-key=AKIDEXAMPLE',
      // what may take longest with the default is measured in dead-endpoint.faults.ts
      'io-timeout=3',
    ];
    const dead = withConfig('dead', (text) =>
      text.replace('[global]\n', `[global]\n${[...s3, 'repo1-s3-key-secret=verySecretIndeed', 'repo1-storage-verify-tls=n'].join('\n')}\n`),
    );
    const began = Date.now();
    await expect(dead.info(1)).rejects.toMatchObject({ code: 'repository-unreachable', message: expect.stringMatching(REFUSED) });
    expect(Date.now() - began).toBeLessThan(60_000);
  });

  test('a stanza that was never made', async () => {
    const unmade = engineOf(cluster, (policy) => ({ ...policy, engine: { ...policy.engine, stanza: 'nobody' } }));
    await expect(unmade.info(1)).rejects.toMatchObject({ code: 'engine-refused', message: expect.stringContaining('stanza-create') });
  });

  test('a configuration that is not there', async () => {
    const nowhere = engineOf(cluster, (policy) => ({ ...policy, engine: { ...policy.engine, config: '/nonexistent/pgbackrest.conf' } }));
    await expect(nowhere.info(1)).rejects.toMatchObject({ code: 'engine-refused' });
  });

  test('versions and repositories are told', async () => {
    expect(await engine().version()).toMatch(/^\d+\.\d+/);
    expect(await engine().repositories()).toEqual([1]);
  });

  test('stanza-create twice changes nothing', async () => {
    await engine().stanzaCreate(testIo());
    expect((await engine().info(1)).backups).toHaveLength(1);
  });
});

describe('a promotion', { timeout: 120_000 }, () => {
  test('leads on from the backups of the timeline before it, without a gap', async () => {
    expect(await engine().timelines(1)).toEqual([]);
    await cluster.stop('fast');
    writeFileSync(join(cluster.dataDirectory, 'standby.signal'), '');
    await cluster.start();
    await cluster.sql('select pg_promote()');
    await nextSegment(cluster);
    const [info, segments, histories] = [await engine().info(1), await engine().archive(1), await engine().timelines(1)];
    expect(histories).toMatchObject([{ timeline: 2, branches: [{ timeline: 1 }] }]);
    const window = restorableWindow({ backups: info.backups, segments, histories, segmentBytes: 16 * 1024 * 1024, source: null });
    expect(window).toMatchObject({ timeline: 2, gaps: [], broken: [], leftBehind: [], intervals: [{ timeline: 2, backups: [label] }] });
  });
});
