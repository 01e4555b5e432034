/** Which tables a marker reads anew: the three modes of the fingerprint budget. Pure. */
import type { Equality, Marker, TableFingerprint } from '../../../domain/backup/model.ts';
import type { FingerprintPolicy } from '../../../domain/policy.ts';
import type { SourceTable, TableOrder } from './tables.ts';

export type Choice =
  | { readonly kind: 'read'; readonly equality: Equality }
  | { readonly kind: 'carry-over'; readonly fingerprint: TableFingerprint }
  | { readonly kind: 'leave' };

export interface ChoiceInput {
  readonly policy: Pick<FingerprintPolicy, 'mode' | 'sampleShare'>;
  readonly equality: Equality;
  /** The newest marker of the same database. */
  readonly previous: Marker | null;
  /** `changed`: oid → key, read before the snapshot. */
  readonly changeKeys: Readonly<Record<string, string>>;
  /** `sample`: rough bytes of all tables. */
  readonly totalBytes: number;
}

/** Asked table by table, in the order of `orderFor`. */
export type Choose = (table: SourceTable) => Choice;

/**
 * full: every table. changed: those whose counters moved since the previous marker, the others keep their fingerprint and its age (counters
 * may come late: see `Difference.certain`). sample: a share of the bytes, going round by oid, at least one table.
 */
export function chooser(input: ChoiceInput): Choose {
  const known = new Map(input.previous?.fingerprints.map((fingerprint) => [fingerprint.oid, fingerprint]));
  let leftBytes = input.policy.sampleShare * input.totalBytes;
  return (table) => {
    const equality: Equality = input.equality === 'text' || table.needsText ? 'text' : 'hash';
    if (input.policy.mode === 'sample') {
      if (leftBytes <= 0) return { kind: 'leave' };
      leftBytes -= table.roughBytes;
    }
    const before = input.policy.mode === 'changed' ? known.get(table.oid) : undefined;
    const key = input.changeKeys[table.oid];
    const sameTable = before?.schema === table.schema && before.table === table.table && before.equality === equality;
    // what an older form of the text made is no measure for today's
    const sameForm = equality === 'hash' || input.previous?.textForm === 'oids';
    const unchanged = before !== undefined && sameTable && sameForm && key !== undefined && key === input.previous?.changeKeys?.[table.oid];
    return unchanged ? { kind: 'carry-over', fingerprint: before } : { kind: 'read', equality };
  };
}

/** The largest first, so that sessions end together; a sample goes on where the one before it ended. */
export function orderFor(mode: FingerprintPolicy['mode'], previous: Marker | null): TableOrder {
  return mode === 'sample' ? { by: 'oid', after: previous?.sampledUpTo ?? 0 } : { by: 'size' };
}
