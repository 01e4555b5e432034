/** What a proof leaves in the metrics, whether it was judged just now or is remembered from the control database. */
import type { ProofDepth, RecoveryTime } from '../domain/backup/model.ts';
import type { Families } from './metrics-families.ts';

/** One recorded proof, as the control database knows it. Times are Unix seconds. */
export interface ProofRow {
  readonly cluster: string;
  readonly repository: number;
  readonly verdict: 'proven' | 'failed' | 'inconclusive';
  readonly depth: ProofDepth;
  readonly judgedAtSeconds: number;
  /** Moment of the source that was proven; null or 0 where none was. */
  readonly provenAtSeconds: number | null;
  readonly rpoSeconds: number | null;
  readonly recoveryTime: RecoveryTime | null;
}

/** Remembers the newest of each kind, so rows may come in any order and twice. */
export interface ProofMemory {
  remember(row: ProofRow): void;
  forget(cluster: string): void;
}

/** Gauges of proofs; counts nothing. */
export function createProofMemory(families: Families): ProofMemory {
  const highest = new Map<string, number>();
  /** True where this value is above all that were seen under the key. */
  const raises = (key: readonly (string | number)[], value: number) => {
    const name = key.join('\n');
    if (value <= (highest.get(name) ?? Number.NEGATIVE_INFINITY)) return false;
    highest.set(name, value);
    return true;
  };
  return {
    remember(row) {
      const { cluster, repository, depth, verdict, judgedAtSeconds, provenAtSeconds } = row;
      const labels = { cluster, repository };
      if (raises([cluster, repository, depth, verdict], judgedAtSeconds)) families.lastVerdict.set({ ...labels, depth, verdict }, judgedAtSeconds);
      // a proof of an older, random moment does not make the newest proven one older
      if (verdict === 'proven' && provenAtSeconds && raises([cluster, repository, 'moment'], provenAtSeconds)) families.lastProven.set(labels, provenAtSeconds);
      if (raises([cluster, repository], judgedAtSeconds)) newest(families, row);
    },
    forget(cluster) {
      for (const key of highest.keys()) if (key.startsWith(`${cluster}\n`)) highest.delete(key);
    },
  };
}

function newest(families: Families, { cluster, repository, verdict, rpoSeconds, recoveryTime }: ProofRow): void {
  const labels = { cluster, repository };
  if (verdict === 'inconclusive') families.inconclusiveInRow.inc(labels);
  else families.inconclusiveInRow.set(labels, 0);
  if (verdict !== 'proven') return;
  if (rpoSeconds !== null) families.provenRpo.set(labels, rpoSeconds);
  if (recoveryTime !== null) measured(families, labels, recoveryTime);
}

function measured(families: Families, labels: { cluster: string; repository: number }, time: RecoveryTime): void {
  const phases = { fetch: time.fetchMs, start: time.startMs, replay: time.replayMs, check: time.checkMs };
  for (const [phase, ms] of Object.entries(phases)) {
    // one of the two stands: an old honest figure beside a new one without fsync would be read as today's
    families.recoveryTime.remove({ ...labels, phase, honest: String(!time.honest) });
    families.recoveryTime.set({ ...labels, phase, honest: String(time.honest) }, ms / 1000);
  }
}
