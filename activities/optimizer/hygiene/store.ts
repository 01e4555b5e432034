/** What hygiene keeps in the control database. */
import type { HygieneReport } from '../../../domain/optimizer/hygiene-report.ts';
import type { IndexLook, IndexUse } from '../../../domain/optimizer/index-use.ts';
import type { Instant } from '../../../domain/optimizer/model.ts';

export interface OfDatabase {
  readonly cluster: string;
  readonly database: string;
}

export interface StoredHygiene extends OfDatabase {
  readonly run: string;
  readonly report: HygieneReport;
}

/** Every method may be repeated. */
export interface HygieneStore {
  /** Notes how often each index (by `indexKey`) was read until now, and gives back what all looks so far say of it. */
  noteIndexes(of: OfDatabase, looks: ReadonlyMap<string, IndexLook>, now: Instant): Promise<ReadonlyMap<string, IndexUse>>;
  /** Indexes of the database that no look has met since then are gone. */
  forgetIndexes(of: OfDatabase, before: Instant): Promise<void>;
  /** The run's report; the last one stands. Of a database the last few are kept. */
  saveHygiene(stored: StoredHygiene): Promise<void>;
  /** Of this run, or the newest one of the cluster; null: there is none. */
  findHygiene(of: { readonly run: string } | { readonly cluster: string; readonly database?: string }): Promise<StoredHygiene | null>;
}
