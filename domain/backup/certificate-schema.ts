/** The shape of a certificate, version 1; `docs/certificate.schema.json` is made from it. Fields are added, never renamed. */
import { z } from 'zod';
import type { Cause, CheckName, CheckOutcome, NotCoveredReason } from './model.ts';

export const certificateSchemaId = 'assay/certificate';
export const certificateVersion = 1;

/** Compiles only where `List` names every member of the union, so that a new cause cannot be forgotten here. */
type Complete<Union, List extends readonly Union[]> = [Exclude<Union, List[number]>] extends [never] ? List : never;
const all =
  <Union extends string>() =>
  <const List extends readonly Union[]>(list: Complete<Union, List>): List =>
    list;

const causes = all<Cause>()([
  ...(['wal-gap', 'wal-corrupt', 'archive-dropped', 'backup-file-corrupt', 'backup-missing', 'manifest-damaged', 'target-not-reached'] as const),
  ...(['content-differs', 'page-corrupt', 'index-or-heap-corrupt', 'sequence-behind', 'constraint-violated', 'assertion-failed'] as const),
  ...(['witness-differs', 'system-identifier-differs', 'timeline-switched', 'repository-unreachable', 'wrong-cipher-key', 'disk-full'] as const),
  ...(['missing-extension', 'missing-binaries', 'collation-version', 'clone-start-failed', 'no-marker', 'marker-unusable'] as const),
  ...(['amcheck-unavailable', 'interrupted', 'unknown'] as const),
]);
const checkNames = all<CheckName>()([
  ...(['archive-continuity', 'manifest-copies', 'page-errors-at-backup', 'target-reached', 'system-identifier', 'snapshot-equivalence'] as const),
  ...(['witness', 'fingerprints', 'page-checksums', 'amcheck', 'sequences', 'constraints', 'assertions'] as const),
]);
const outcomes = all<CheckOutcome>()(['passed', 'failed', 'unusable', 'not-applicable', 'finding']);
const reasons = all<NotCoveredReason>()([
  ...(['unlogged', 'foreign-table', 'large-objects', 'row-security', 'no-privilege', 'budget', 'dropped-while-reading'] as const),
  ...(['database-excluded', 'created-after-marker', 'unreadable-type', 'temporary'] as const),
]);

const instant = z.string().describe('ISO 8601, UTC');
const lsn = z
  .string()
  .regex(/^[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8}$/)
  .describe('position in the write-ahead log');
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const bytes = z.number().int().nonnegative();
const ms = z.number().int();
const count = z.number().int().nonnegative();
const cause = z.enum(causes);
const equality = z.enum(['hash', 'text']);

const finding = z.strictObject({ check: z.enum(checkNames), cause: cause.nullable(), text: z.string() });

const backup = z.strictObject({
  label: z.string(),
  type: z.enum(['full', 'differential', 'incremental']),
  startedAt: instant,
  stoppedAt: instant,
  startLsn: lsn,
  stopLsn: lsn,
  timeline: count,
  databaseBytes: bytes,
  repositoryBytes: bytes,
  hasPageErrors: z.boolean(),
  engineVersion: z.string(),
});

const target = z.union([
  z.strictObject({ kind: z.literal('lsn'), lsn, exclusive: z.boolean() }),
  z.strictObject({ kind: z.literal('time'), at: instant }),
  z.strictObject({ kind: z.literal('name'), name: z.string() }),
  z.strictObject({ kind: z.literal('xid'), xid: z.string(), exclusive: z.boolean() }),
]);

const marker = z.strictObject({
  id: z.string(),
  database: z.string(),
  lsn,
  at: instant,
  way: z
    .enum(['slot', 'optimistic', 'fence', 'standby'])
    .nullable()
    .describe('how snapshot and LSN were made to agree; null: the marker could not be read again'),
  tables: count,
  bytes,
  hashed: count.describe('tables compared by the equality of their types'),
  texts: count.describe('tables compared by their text form'),
  oldestAgeMs: ms.describe('age of the oldest fingerprint used, before the proven moment'),
  digest: digest.nullable().describe('SHA-256 of the canonical marker, which holds every fingerprint'),
});

const table = z.strictObject({ database: z.string(), schema: z.string(), table: z.string(), bytes, rows: z.string(), equality, ageMs: ms });

const notCovered = z.strictObject({ database: z.string(), object: z.string().nullable(), reason: z.enum(reasons), detail: z.string() });

const coverage = z.strictObject({
  databases: count,
  databasesCovered: count,
  tables: count,
  tablesCovered: count,
  bytes,
  bytesCovered: bytes,
  share: z.number().min(0).max(1).describe('bytesCovered of bytes, rounded down to 4 places'),
  oldestFingerprintMs: ms,
  equalities: z.array(equality),
  largestTables: z.array(table).describe('the largest tables; the markers hold all of them'),
  tablesNotListed: count,
  notCovered: z.array(notCovered),
  notCoveredNotListed: count,
});

const objective = z.strictObject({
  objectiveMs: ms.nullable(),
  measuredMs: ms.nullable(),
  outcome: z.enum(['met', 'missed', 'not-measured', 'no-objective']),
});

const recovery = z.strictObject({
  phases: z.strictObject({ fetchMs: ms, startMs: ms, replayMs: ms, checkMs: ms }).nullable(),
  honest: z.boolean().nullable().describe('fsync was on throughout; a false or null one says nothing about the real recovery time'),
  rto: objective.describe('fetch + start + replay; the checks are no part of a recovery'),
  rpo: objective.describe('age of the newest witness that came back, when the proof began'),
  newestWitness: z.strictObject({ id: z.string(), at: instant, lsn, transactionId: z.string(), nonce: z.string() }).nullable(),
});

const check = z.strictObject({
  name: z.enum(checkNames),
  outcome: z.enum(outcomes),
  database: z.string().nullable(),
  because: z.array(z.string()),
  cause: cause.nullable(),
  tookMs: ms,
});

export const certificateBodySchema = z.strictObject({
  id: z.string().min(1).describe('of the proof'),
  sequence: z.number().int().positive().describe('place in the chain of this cluster, from 1'),
  previous: digest.nullable().describe('hash of the certificate before this one; null only for the first'),
  issuedAt: instant,
  cluster: z.strictObject({
    name: z.string().min(1),
    environment: z.string(),
    systemIdentifier: z.string(),
    timeline: count,
    repository: count,
  }),
  verdict: z.strictObject({
    outcome: z.enum(['proven', 'failed', 'inconclusive']),
    level: z.enum(['content', 'structure']).nullable(),
    cause: cause.nullable(),
    because: z.array(z.string()),
    findings: z.array(finding),
  }),
  depth: z.enum(['plain', 'deep']),
  provenAt: instant.nullable().describe('moment of the source that was restored'),
  backups: z.array(backup).describe('the restored backup and all it builds on, oldest first'),
  target: z.strictObject({
    asked: target.nullable(),
    walked: z.array(target),
    reached: z.strictObject({ replayLsn: lsn, replayedAt: instant.nullable(), timeline: count, paused: z.boolean() }).nullable(),
  }),
  markers: z.array(marker),
  coverage,
  recovery,
  checks: z.array(check),
  run: z.strictObject({ madeBy: z.string(), host: z.string(), startedAt: instant, finishedAt: instant, proofMaxAgeMs: ms }),
  versions: z.strictObject({
    assay: z.string(),
    engine: z.string(),
    source: z.string(),
    clone: z.string(),
    node: z.string(),
    operatingSystem: z.string(),
  }),
  notProven: z.array(z.string()).min(1).describe('what this certificate does not prove'),
});

export const certificateSchema = z.strictObject({
  schema: z.literal(certificateSchemaId),
  version: z.literal(certificateVersion),
  body: certificateBodySchema,
  hash: digest.describe('SHA-256 of the canonical JSON (RFC 8785) of {schema, version, body}'),
  signature: z
    .strictObject({
      algorithm: z.literal('Ed25519'),
      key: digest.describe('SHA-256 of the public key as SubjectPublicKeyInfo DER'),
      value: z
        .string()
        .regex(/^[A-Za-z0-9+/]{85}[AQgw]==$/)
        .describe('64 bytes, base64 with its unused bits zero: one signature, one text'),
    })
    .describe('over the same bytes as the hash'),
});

export type CertificateBody = z.infer<typeof certificateBodySchema>;
export type Certificate = z.infer<typeof certificateSchema>;
export type CertificateMarker = z.infer<typeof marker>;
export type CertificateTable = z.infer<typeof table>;
export type CertificateObjective = z.infer<typeof objective>;

/** The published JSON Schema (draft 2020-12). */
export function certificateJsonSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(certificateSchema), title: 'Assay restore certificate' };
}
