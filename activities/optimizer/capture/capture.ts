/**
 * Values that statements are really sent with: taken where the server shows them, kept encrypted, deleted in time.
 * They leave this process only encrypted; what is said about them counts them.
 */
import type pg from 'pg';
import { reasonOf } from '../../../domain/errors.ts';
import type { Statement } from '../../../domain/optimizer/model.ts';
import { optimizerPolicyOf } from '../../../domain/optimizer/policy.ts';
import type { ClusterPolicy, SecretReference } from '../../../domain/policy.ts';
import type { CapturedValues } from '../bind/bind.ts';
import { parserReady } from '../bind/tree.ts';
import { MAX_CAPTURED, matchedValues } from './match.ts';
import { type SealKeys, seal, sealKeys, unseal } from './seal.ts';
import { readServerLog } from './server-log.ts';
import { type Looks, readSessions } from './sessions.ts';
import type { CapturedStore } from './store.ts';

export interface ValueCapture {
  /**
   * Keeps the values of these statements that the server shows now, in its log and its sessions; `statements` are those of all databases. Where the
   * policy says no, what was kept goes. Gives what is to be said of it. Throws what the session throws.
   */
  take(request: TakeRequest): Promise<readonly string[]>;
  /** By statement id; those that were kept up to a moment, so that each step of a run gets the same ones. */
  valuesOf(policy: ClusterPolicy, database: string, until: Date): Promise<ReadonlyMap<string, readonly CapturedValues[]>>;
}

export interface TakeRequest {
  readonly policy: ClusterPolicy;
  readonly database: string;
  readonly statements: readonly Statement[];
  /** On the cluster; not opened where nothing is captured. */
  readonly session: <T>(use: (client: pg.Client) => Promise<T>) => Promise<T>;
}

export interface CaptureOptions {
  readonly store: CapturedStore;
  readonly readSecret: (reference: SecretReference) => string;
  readonly now: () => Date;
  /** At the sessions, for each time values are taken. Default: 8, a quarter of a second apart. */
  readonly looks?: Looks;
}

const LOOKS: Looks = { number: 8, everyMs: 250 };

export function createValueCapture(options: CaptureOptions): ValueCapture {
  return {
    take: (request) => take(options, request),
    valuesOf: async (policy, database, until) => {
      const { capture } = optimizerPolicyOf(policy);
      const rows = capture.values ? await options.store.load({ cluster: policy.cluster, database }, until) : [];
      if (rows.length === 0) return new Map();
      const keys = keysOf(options, capture.key);
      const found = new Map<string, CapturedValues[]>();
      for (const { cluster, statement, sealed } of rows) {
        const values = 'reason' in keys ? null : unseal(keys.keys, { cluster, database, statement }, sealed);
        if (values !== null) found.set(statement, [...(found.get(statement) ?? []), values]);
      }
      return found;
    },
  };
}

async function take(options: CaptureOptions, { policy, database, statements, session }: TakeRequest): Promise<readonly string[]> {
  const { capture } = optimizerPolicyOf(policy);
  const { cluster } = policy;
  if (!capture.values) {
    await options.store.drop(cluster);
    return [];
  }
  const keys = keysOf(options, capture.key);
  if ('reason' in keys) return [`no values are captured: ${keys.reason}`];
  await parserReady();
  const log = await session(readServerLog);
  const sessions = await session((client) => readSessions(client, database, options.looks ?? LOOKS));
  const matched = await matchedValues([...log.statements, ...sessions], statements, database);
  const capturedAt = options.now();
  const expiresAt = new Date(capturedAt.getTime() + capture.keepMs);
  const rows = matched.map(({ statement, values }) => {
    const place = { cluster, database, statement };
    return { ...place, ...seal(keys.keys, place, values), capturedAt, expiresAt };
  });
  await options.store.save(rows, MAX_CAPTURED);
  const served = new Set(matched.map(({ statement }) => statement)).size;
  return [
    `values of ${served} statement(s) were captured; others are made up from statistics`,
    ...(log.unread === null ? [] : [`the server's log was not read: ${log.unread}`]),
  ];
}

/** A key that cannot be had ends no run. */
function keysOf({ readSecret }: CaptureOptions, reference: SecretReference): { readonly keys: SealKeys } | { readonly reason: string } {
  try {
    return { keys: sealKeys(readSecret(reference), reference) };
  } catch (error) {
    return { reason: reasonOf(error) };
  }
}
