import { describe, expect, it } from 'vitest';
import type { Marker } from '../../domain/backup/model.ts';
import { judge } from '../../domain/backup/verdict.ts';
import { check, evidence, marker, sound } from './verdict-case.ts';

describe('a verdict on databases that come and go', () => {
  const of = (database: string, databaseOid: number, knownDatabases: readonly number[] | undefined = [1, 2]): Marker => ({
    ...marker(database),
    databaseOid,
    ...(knownDatabases === undefined ? {} : { knownDatabases }),
  });
  const found = (name: string, oid: number) => ({ name, oid, bytes: 1000 });
  const judged = (databases: readonly ReturnType<typeof found>[], markers = [of('a', 1), of('b', 2)], compared = ['a', 'b']) => {
    const checks = sound(databases.map(({ name }) => name)).filter(({ name }) => name !== 'fingerprints' && name !== 'snapshot-equivalence');
    const content = compared.flatMap((name) => [check('snapshot-equivalence', 'passed', name), check('fingerprints', 'passed', name)]);
    return judge(evidence({ databases, markers, checks: [...checks, ...content] }));
  };
  const left = ({ coverage }: ReturnType<typeof judged>) => coverage.notCovered.map(({ database, reason }) => `${database} ${reason}`);

  it('names one that came after all markers as not covered, with a finding; its bytes count as not compared', () => {
    const verdict = judged([found('a', 1), found('b', 2), found('c', 3)]);
    expect(verdict).toMatchObject({ verdict: 'proven', level: 'content', findings: [{ check: 'fingerprints', cause: 'no-marker' }] });
    expect(verdict.coverage).toMatchObject({ databases: 3, databasesCovered: 2, bytes: 1200, bytesCovered: 200 });
    expect(left(verdict)).toEqual(['c created-after-marker']);
  });

  it('its structure is checked like any other’s', () => {
    const databases = [found('a', 1), found('c', 3)];
    const checks = sound(['a']);
    expect(judge(evidence({ databases, markers: [of('a', 1)], checks }))).toMatchObject({ verdict: 'inconclusive', cause: 'interrupted' });
  });

  it('never takes one for compared that was made anew under the name of another', () => {
    const verdict = judged([found('a', 1), found('b', 3)]);
    expect(verdict).toMatchObject({ verdict: 'proven', coverage: { databases: 2, databasesCovered: 1, tablesCovered: 1 } });
    expect(left(verdict)).toEqual(['b created-after-marker']);
    expect(verdict.findings[0]?.text).toContain('another database of this name');
  });

  it('knows one again under a new name, and leaves out one that is gone', () => {
    expect(judged([found('renamed', 1)])).toMatchObject({ verdict: 'proven', findings: [], coverage: { databases: 1, databasesCovered: 1, tables: 1 } });
  });

  it('is inconclusive where nothing that is there was compared', () => {
    expect(judged([found('c', 3)])).toMatchObject({ verdict: 'inconclusive', cause: 'no-marker' });
    expect(judged([found('a', 3), found('b', 4)])).toMatchObject({ verdict: 'inconclusive', cause: 'no-marker', coverage: { tablesCovered: 0 } });
  });

  it('is inconclusive where a marker knew it, or does not say which databases there were', () => {
    const three = [found('a', 1), found('b', 2), found('c', 3)];
    expect(judged(three, [of('a', 1), of('b', 2, [1, 2, 3])])).toMatchObject({ verdict: 'inconclusive', cause: 'no-marker' });
    const { knownDatabases, ...silent } = of('b', 2);
    expect(judged(three, [of('a', 1), silent])).toMatchObject({ verdict: 'inconclusive', cause: 'no-marker' });
  });

  it('is inconclusive where its own marker was not compared', () => {
    expect(judged([found('a', 1), found('b', 2), found('c', 3)], undefined, ['a'])).toMatchObject({ verdict: 'inconclusive', cause: 'no-marker' });
  });
});
