/** The marker's pass over all tables against one bare parallel query per table that computes the same sums. */
import pg from 'pg';
import { fingerprintSettings, fingerprintSql } from '../activities/backup/marker/fingerprint.ts';
import type { Marker } from '../domain/backup/model.ts';
import type { EmbeddedCluster } from '../workers/embedded/cluster.ts';
import type { Bench, Benchmark, Figure } from './benchmark.ts';
import { type Contest, interleaved, timed } from './pairs.ts';
import { parts, quietIo } from './site.ts';
import { stalls } from './stalls.ts';
import { difference, judge, median, ratioOf, showRatio } from './statistics.ts';
import { nowMs, startWriters, type Window, WRITERS } from './writers.ts';

const SPEED = 0.8;

export const fingerprint: Benchmark = {
  name: 'fingerprint',
  about: 'a whole marker pass against bare parallel queries of the same sums',
  async run(bench: Bench): Promise<readonly Figure[]> {
    const { fleet, bytes } = await bench.site();
    const { markerMaker } = parts();
    const policy = fleet.policy();
    let markers: readonly Marker[] = [];
    const ours = () =>
      timed(async () => {
        markers = (await markerMaker.make(policy, { equality: 'hash', previous: [] }, quietIo())).markers;
      });
    const bare = () => timed(() => bareSums(fleet.cluster, markers));
    // the bare queries ask what the first marker names; speed is the inverse of time: bare / ours
    await ours();
    const pairs = await interleaved(bench, 'fingerprint', { ours, bare });
    const speed = ratioOf(pairs.map((pair) => ({ ours: pair.bare, bare: pair.ours })));
    const rows = markers.flatMap((marker) => marker.fingerprints).reduce((sum, table) => sum + Number(table.rows), 0);
    const oursMs = median(pairs.map((pair) => pair.ours));
    const reading = await whileReading(bench, fleet.cluster, { ours, bare });
    return [
      {
        name: 'speed of a whole marker / one bare parallel query per table',
        measured: showRatio(speed),
        goal: `>= ${SPEED}`,
        judged: judge(speed, { atLeast: SPEED }),
        remark: `${difference(speed)}; ${rows} rows, ${Math.round(bytes / 1e6)} MB, ${Math.round(rows / oursMs)} k rows/s; snapshots and catalogue included`,
        samples: { oursMs: pairs.map((pair) => pair.ours), bareMs: pairs.map((pair) => pair.bare), rows },
      },
      reading,
    ];
  },
};

/** What the reading itself takes from writers: as much as the bare queries do, on as many cores. */
async function whileReading(bench: Bench, server: EmbeddedCluster, contest: Contest): Promise<Figure> {
  const windows = { ours: [] as Window[], bare: [] as Window[] };
  const writers = await startWriters({ server, ...WRITERS });
  for (let turn = 0; turn < bench.options.pairs; turn += 1) {
    for (const side of turn % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const)) {
      const from = nowMs();
      await contest[side]();
      windows[side].push({ from, to: nowMs() });
    }
  }
  const recorded = await writers.stop();
  const name = `writers' p99 during a whole marker / during the bare queries`;
  return stalls({ name, goal: null, ours: windows.ours, control: windows.bare, recorded });
}

/** The same tables in the same form, one after the other, each with two parallel workers: one session per database, opened here. */
async function bareSums({ socketDirectory, port }: EmbeddedCluster, markers: readonly Marker[]): Promise<void> {
  for (const { database, fingerprints } of markers) {
    const client = new pg.Client({ host: socketDirectory, port, user: 'postgres', database });
    await client.connect();
    // the form pins them; JIT off is the faster choice for the bare queries too
    for (const [name, value] of Object.entries(fingerprintSettings)) await client.query('select set_config($1, $2, false)', [name, value]);
    await client.query('set max_parallel_workers_per_gather = 2');
    for (const table of fingerprints) await client.query(fingerprintSql(table, table));
    await client.end();
  }
}
