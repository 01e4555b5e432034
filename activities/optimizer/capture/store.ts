/** Where captured values lie, encrypted: what is stored cannot be opened without the key of the worker. */
export interface CapturedRow {
  readonly cluster: string;
  readonly database: string;
  /** queryid. */
  readonly statement: string;
  readonly digest: string;
  readonly sealed: string;
  readonly capturedAt: Date;
  readonly expiresAt: Date;
}

export interface CapturedStore {
  /** Values that are known already stay as they are, and expire when they would have. At most `most` of a statement are kept, the newest. Idempotent. */
  save(rows: readonly CapturedRow[], most: number): Promise<void>;
  /** Captured up to a moment and not expired; newest first, in an order that stays. */
  load(place: { readonly cluster: string; readonly database: string }, until: Date): Promise<readonly CapturedRow[]>;
  /** Everything of a cluster. */
  drop(cluster: string): Promise<void>;
  /** Of all clusters. */
  dropExpired(): Promise<void>;
}
