/** Findings about whole statements, tables and workloads on real PostgreSQL, and where they must stay silent. */
import { describe, expect, test } from 'vitest';
import { parserReady } from '../../activities/optimizer/bind/tree.ts';
import { lookAtLocks } from '../../activities/optimizer/lock-waits.ts';
import { readNamedStatistics, readStatistics } from '../../activities/optimizer/statistics.ts';
import type { FindingKind } from '../../domain/optimizer/finding.ts';
import { findingsOf } from '../../domain/optimizer/findings.ts';
import { addUpLocks, lockFindings, nPlusOneFindings } from '../../domain/optimizer/findings-workload.ts';
import { statisticsNotices } from '../../domain/optimizer/statistics-notices.ts';
import { openSession, planOf } from './explain-support.ts';
import { type FoundOptions, findingsServer, foundIn } from './findings-support.ts';

const server = findingsServer();
const found = (kind: FindingKind, sql: string, options: FoundOptions = {}) => foundIn(server, { kind, sql, ...options });

describe('the statement as a whole', () => {
  const compile = { jit: 'on', jit_above_cost: '0', jit_optimize_above_cost: '0', jit_inline_above_cost: '0' };

  test('compiling that takes most of the time', async () => {
    const sql = 'select count(*) from tiny where id > 5 and what <> $$y$$ group by what';
    const [finding] = await found('jit-dominates', sql, { settings: compile });
    expect(finding).toMatchObject({ nodeId: null, isMeasured: true });
    expect(finding?.share).toBeGreaterThan(0.2);
    expect(await found('jit-dominates', sql)).toEqual([]);
    expect(await found('jit-dominates', sql, { settings: compile, analyze: false })).toEqual([]);
  });

  test('planning that takes longer than executing', async () => {
    await server.client.query('create table nothing (id int)');
    const sql = `select * from nothing ${Array.from({ length: 8 }, (_, at) => `join nothing n${at} using (id)`).join(' ')}`;
    const settings = { join_collapse_limit: '20', geqo: 'off' };
    expect(await found('planning-dominates', sql, { settings })).toMatchObject([{ nodeId: null }]);
    expect(await found('planning-dominates', 'select count(*) from events')).toEqual([]);
  });

  test('a foreign key that reads the whole other table for each row', async () => {
    await server.client.query(`create table parents as select n as id from generate_series(1, 2000) n; alter table parents add primary key (id);
      create table children as select n % 1000 + 1001 as parent from generate_series(1, 20000) n;
      alter table children add constraint children_parent foreign key (parent) references parents`);
    const sql = 'delete from parents where id <= 100';
    const [finding] = await found('trigger-dominates', sql);
    expect(finding).toMatchObject({ nodeId: null, evidence: { trigger: 'children_parent', isConstraint: true, calls: 100 } });
    expect(finding?.share).toBeGreaterThan(0.5);
    await server.client.query('create index on children (parent)');
    expect(await found('trigger-dominates', sql)).toEqual([]);
  });

  test('statistics that are missing, stale, fresh', async () => {
    await parserReady();
    await server.client.query(`create table fresh as select n as id from generate_series(1, 20000) n`);
    const sql = 'select * from fresh where id = 7';
    const kinds = async () => {
      await server.client.query('select pg_stat_force_next_flush(); select pg_stat_clear_snapshot()');
      const statistics = await readStatistics(server.client, [
        { schema: 'public', relation: 'fresh' },
        { schema: 'nowhere', relation: 'fresh' },
      ]);
      expect(statistics).toHaveLength(1);
      const plan = await planOf(server.client, sql, { analyze: false });
      return findingsOf(plan, { statistics }).map(({ evidence }) => evidence);
    };
    // as a run says it: by the names in its statements, also where one names nothing, or cannot be read
    const notices = async () => statisticsNotices(await readNamedStatistics(server.client, ['update fresh set id = $1', 'select from where']));
    expect(await kinds()).toMatchObject([{ kind: 'statistics-missing', rows: 20_000 }]);
    expect(await notices()).toEqual([expect.stringMatching(/^"public"\."fresh": no statistics, nothing is known of a table of 20,000 rows; ANALYZE it/)]);
    // none of another schema's table, nor for a name of its own WITH
    const others = ['select from "n""o".fresh', 'with fresh as (select 1) select from fresh'];
    expect(await readNamedStatistics(server.client, others)).toEqual([]);
    // whoever may not read pg_statistic learns as much
    await server.client.query('create role counters in role pg_monitor; set role counters');
    expect(await notices()).toEqual([expect.stringContaining('"public"."fresh": no statistics')]);
    await server.client.query('reset role; analyze fresh');
    expect(await kinds()).toEqual([]);
    expect(await notices()).toEqual([]);
    await server.client.query('update fresh set id = id + 1 where id < 1000');
    expect(await kinds()).toEqual([]);
    await server.client.query('update fresh set id = id + 1 where id < 6000');
    expect(await kinds()).toMatchObject([{ kind: 'statistics-stale', rows: 20_000, analyzedAt: expect.stringMatching(/^20/) }]);
    expect(await notices()).toEqual([expect.stringMatching(/^"public"\."fresh": stale statistics, [\d,]+ of 20,000 rows changed since the last ANALYZE/)]);
  });
});

describe('the workload', () => {
  const statements = async () => {
    const { rows } = await server.client.query(
      `select queryid::text as id, 'postgres' as database, 'select' as kind, calls::int, total_exec_time as "totalMs", rows::int, query
         from pg_stat_statements where query ~ '^select .* from (actors|events) '`,
    );
    return rows;
  };

  test('one call for each row of another statement', async () => {
    await server.client.query('select pg_stat_statements_reset()');
    for (let page = 0; page < 4; page++) {
      const { rows } = await server.client.query('select id, actor from events where actor between $1 and $2', [page * 20, page * 20 + 19]);
      for (const { actor } of rows) await server.client.query('select name from actors where id = $1', [actor]);
    }
    const seen = await statements();
    const [caller, called] = ['events', 'actors'].map((table) => seen.find(({ query }) => query.includes(`from ${table}`)).id);
    expect(nPlusOneFindings(seen)).toMatchObject([
      { statement: called, finding: { evidence: { kind: 'n-plus-one', calls: 1_600, callsOfCaller: 4, rowsOfCaller: 1_600, caller } } },
    ]);
  });

  test('silent: as many calls, but nothing that gave so many rows', async () => {
    await server.client.query('select pg_stat_statements_reset()');
    for (let n = 0; n < 1_600; n++) await server.client.query('select name from actors where id = $1', [n]);
    await server.client.query('select id, actor from events where actor between $1 and $2', [0, 9]);
    expect(nPlusOneFindings(await statements())).toEqual([]);
  });

  test('a statement that waits for a lock, and for whom', async () => {
    const [holder, waiter] = [await openSession(server.cluster), await openSession(server.cluster)];
    await holder.query('begin; update tiny set what = $$h$$ where id = 1');
    const waiting = waiter.query('update tiny set what = $$w$$ where id = 1');
    const looks = [];
    while (looks.filter((look) => look.length > 0).length < 3) looks.push(await lookAtLocks(server.client));
    await holder.query('rollback');
    await waiting;
    const [finding] = lockFindings(addUpLocks(looks.slice(-3)));
    expect(finding?.finding.evidence).toMatchObject({ kind: 'lock-wait', samples: 3, waits: 3, blockers: [expect.stringMatching(/^-?\d+$/)] });
    expect(lockFindings(addUpLocks([await lookAtLocks(server.client), await lookAtLocks(server.client)]))).toEqual([]);
    // once in many looks is chance
    expect(lockFindings(addUpLocks([...Array(30).fill([]), ...looks.slice(-1)]))).toEqual([]);
    await Promise.all([holder.end(), waiter.end()]);
  });
});
