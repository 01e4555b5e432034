/** What every benchmark is given and what it gives back: one small interface, one benchmark a file. */
import type { ClusterOptions, EmbeddedCluster } from '../workers/embedded/cluster.ts';
import type { Options } from './options.ts';
import type { Site } from './site.ts';

export interface Benchmark {
  /** As `--only` takes it. */
  readonly name: string;
  /** One line for `--help`. */
  readonly about: string;
  /** Runs only where `--only` names it: it takes long, or needs what is not everywhere. */
  readonly isNamedOnly?: boolean;
  run(bench: Bench): Promise<readonly Figure[]>;
}

export interface Bench {
  readonly options: Options;
  /** The fleet with its data, made when it is first asked for and shared by all benchmarks of a run. */
  site(): Promise<Site>;
  /** A cluster for `use` alone, gone afterwards whatever happens. */
  cluster<T>(options: ClusterOptions, use: (cluster: EmbeddedCluster) => Promise<T>): Promise<T>;
  /** One line of progress. */
  tell(line: string): void;
}

/** `yes` and `no` are by the median; `interval` says whether the whole interval lies on that side of the goal. */
export interface Judged {
  readonly reached: 'yes' | 'no';
  readonly certain: boolean;
}

export interface Figure {
  readonly name: string;
  /** As printed, with its interval where there is one. */
  readonly measured: string;
  /** null: a cost that is told, not judged. */
  readonly goal: string | null;
  /** null: no goal, or one that counts at another size only. */
  readonly judged: Judged | null;
  readonly remark: string;
  /** Everything that was measured, for the JSON. */
  readonly samples: Readonly<Record<string, readonly number[] | number | string>>;
}
