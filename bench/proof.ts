/** What Assay adds to a bare restore to the same target, and how long a whole proof takes. */
import { readFileSync } from 'node:fs';
import type { CertificateBody } from '../domain/backup/certificate-schema.ts';
import type { ProofSummary } from '../domain/backup/proof.ts';
import { startTraffic } from '../workers/embedded/traffic.ts';
import { bareRestore, expireAllBut } from './bare.ts';
import type { Bench, Benchmark, Figure } from './benchmark.ts';
import { GOAL_GIGABYTES } from './options.ts';
import { interleaved, seconds, settle, timed } from './pairs.ts';
import type { Site } from './site.ts';
import { difference, type Goal, intervalOf, judge, median, ratioOf, showRatio } from './statistics.ts';

const RATIO = 1.1;
/** WAL after the backup, so that there is something to replay: so many transactions per gigabyte. */
const TRANSACTIONS_PER_GB = 40_000;

export const proof: Benchmark = {
  name: 'proof',
  about: 'restore + start + replay of a proof against the bare commands to the same target; whole proofs, plain and deep',
  async run(bench: Bench): Promise<readonly Figure[]> {
    const site = await bench.site();
    const { backup } = await site.backup({ prove: 'none' });
    await expireAllBut(site.fleet.cluster, 1);
    const walBytes = await writeOn(site, bench.options.gigabytes * TRANSACTIONS_PER_GB);
    const { markers } = await site.fingerprint();
    const lsn = markers.at(-1)?.lsn ?? '';
    const whole: number[] = [];
    const recoveries: Phases[] = [];
    const bares: number[][] = [];
    const ours = async () => {
      const { summary, tookMs } = await proving(() => site.prove({ backup: backup.label, archivedLsn: lsn }));
      whole.push(tookMs);
      const phases = phasesOf(summary);
      recoveries.push(phases);
      return phases.fetchMs + phases.startMs + phases.replayMs;
    };
    const bare = async () => {
      const { restoreMs, startMs, replayMs } = await bareRestore(site.fleet.cluster, backup, lsn);
      bares.push([restoreMs, startMs, replayMs]);
      return restoreMs + startMs + replayMs;
    };
    const pairs = await interleaved(bench, 'restore', { ours, bare });
    const ratio = ratioOf(pairs);
    const middle = (values: readonly number[]) => seconds(median(values));
    const ofOurs = `assay ${middle(recoveries.map((each) => each.fetchMs))} + ${middle(recoveries.map((each) => each.startMs + each.replayMs))}`;
    const ofBare = `bare ${middle(bares.map(([restoreMs = 0]) => restoreMs))} + ${middle(bares.map(([, startMs = 0, replayMs = 0]) => startMs + replayMs))}`;
    const deep = await deepProofs(bench, site, backup.label);
    return [
      {
        name: 'restore + start + replay of a proof / bare commands',
        measured: showRatio(ratio),
        goal: `<= ${RATIO}`,
        judged: judge(ratio, { atMost: RATIO }),
        remark: `${difference(ratio)}; fetch + start and replay of ${Math.round(walBytes / 1e6)} MB WAL: ${ofOurs}, ${ofBare}`,
        samples: { oursMs: pairs.map((pair) => pair.ours), bareMs: pairs.map((pair) => pair.bare), walBytes },
      },
      wholeProof('whole plain proof', {
        tookMs: whole.slice(-bench.options.pairs),
        goalMs: 60_000,
        bench,
        remark: 'plan to certificate, clone wiped; proven by content',
      }),
      wholeProof('whole deep proof', { tookMs: deep, goalMs: 120_000, bench, remark: 'markers by text form made for it, heapallindexed; the same end' }),
    ];
  },
};

/** Returns how much WAL that made. */
async function writeOn({ fleet: { cluster } }: Site, transactions: number): Promise<number> {
  const position = async () => (await cluster.sql<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn'))[0]?.lsn;
  const from = await position();
  const traffic = await startTraffic(cluster, { writers: 8 });
  await traffic.reached(transactions);
  await traffic.stop();
  const [row] = await cluster.sql<{ bytes: number }>('select pg_wal_lsn_diff(pg_current_wal_lsn(), $1)::float8 as bytes', { params: [from] });
  return row?.bytes ?? 0;
}

async function deepProofs(bench: Bench, site: Site, backup: string): Promise<readonly number[]> {
  const tookMs: number[] = [];
  for (let turn = 0; turn < Math.ceil(bench.options.pairs / 2); turn += 1) {
    await settle(bench);
    tookMs.push((await proving(() => site.prove({ backup, depth: 'deep' }))).tookMs);
    bench.tell(`deep proof: ${seconds(tookMs.at(-1) ?? 0)}`);
  }
  return tookMs;
}

/** A proof that proved nothing is no measurement. */
async function proving(work: () => Promise<ProofSummary>): Promise<{ readonly summary: ProofSummary; readonly tookMs: number }> {
  let summary: ProofSummary | undefined;
  const tookMs = await timed(async () => {
    summary = await work();
  });
  if (summary?.verdict !== 'proven' || summary.level !== 'content') throw new TypeError(`the proof ended ${summary?.verdict}: ${summary?.because.join('; ')}`);
  return { summary, tookMs };
}

type Phases = NonNullable<CertificateBody['recovery']['phases']>;

function phasesOf({ certificate }: ProofSummary): Phases {
  const { body } = JSON.parse(readFileSync(certificate.json, 'utf8')) as { body: CertificateBody };
  if (body.recovery.phases === null) throw new TypeError('a certificate without phases');
  return body.recovery.phases;
}

interface Whole {
  readonly tookMs: readonly number[];
  readonly goalMs: number;
  readonly bench: Bench;
  readonly remark: string;
}

function wholeProof(name: string, { tookMs, goalMs, bench, remark }: Whole): Figure {
  const interval = intervalOf(tookMs, median);
  const goal: Goal = { atMost: goalMs };
  return {
    name: `${name} of ${bench.options.gigabytes} GB`,
    measured: `${seconds(interval.median)} [${seconds(interval.low)}, ${seconds(interval.high)}]`,
    goal: `<= ${goalMs / 1000} s at ${GOAL_GIGABYTES} GB`,
    judged: bench.options.gigabytes < GOAL_GIGABYTES ? null : judge(interval, goal),
    remark,
    samples: { tookMs },
  };
}
