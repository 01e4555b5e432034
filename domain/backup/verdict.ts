/**
 * What the checks of one restore add up to. Pure.
 *
 *   a fault was found          → failed, with the most specific cause
 *   else something needed lacks → inconclusive, with what lacked
 *   else                        → proven at the level asked for, with findings and coverage
 *
 * Nothing broken is ever `proven`, nothing sound is ever `failed`: a comparison against a marker that does not belong to the same moment
 * says nothing, so whatever it found is void.
 *
 * A database that came after every marker is no obstacle: it is named as not covered, with a finding, and its structure is checked like any
 * other's. A database that the markers knew and that was not compared is one.
 */

import { type CoverageInput, coverageOf } from './coverage.ts';
import { standingsOf } from './databases.ts';
import type { Cause, CheckName, CheckResult, Finding, NotCovered, NotCoveredReason, ProofLevel, Verdict } from './model.ts';

/** Causes that lie in the backup, most specific first: what explains others comes before them. All other causes are obstacles to the test. */
export const FAULTS = [
  'wal-gap',
  'wal-corrupt',
  'archive-dropped',
  'backup-missing',
  'backup-file-corrupt',
  'manifest-damaged',
  'page-corrupt',
  'index-or-heap-corrupt',
  'content-differs',
  'constraint-violated',
  'sequence-behind',
  'witness-differs',
  'assertion-failed',
  'target-not-reached',
] as const satisfies readonly Cause[];

/** Obstacles, most telling first. */
const OBSTACLES = [
  'repository-unreachable',
  'wrong-cipher-key',
  'disk-full',
  'system-identifier-differs',
  'timeline-switched',
  'missing-binaries',
  'missing-extension',
  'collation-version',
  'clone-start-failed',
  'marker-unusable',
  'no-marker',
  'amcheck-unavailable',
  'interrupted',
  'unknown',
] as const satisfies readonly Cause[];

export type Fault = (typeof FAULTS)[number];

export const isFault = (cause: Cause | null): cause is Fault => (FAULTS as readonly (Cause | null)[]).includes(cause);

/** Checks no proof can do without. Per database: one usable result for each covered database. */
const NEEDED: Readonly<Record<ProofLevel, { readonly once: readonly CheckName[]; readonly perDatabase: readonly CheckName[] }>> = {
  structure: { once: ['target-reached', 'page-checksums'], perDatabase: ['amcheck', 'constraints'] },
  content: { once: ['target-reached', 'page-checksums'], perDatabase: ['fingerprints', 'amcheck', 'constraints'] },
};

/** What is compared against a marker: void where the marker does not belong to the clone's moment. */
const AGAINST_MARKER: readonly CheckName[] = ['fingerprints', 'witness', 'sequences'];

export interface Evidence extends CoverageInput {
  /** Level that was asked for. */
  readonly level: ProofLevel;
  readonly checks: readonly CheckResult[];
}

export function judge(evidence: Evidence): Verdict {
  const single = evidence.checks.map((check) => weighed(check, evidence.checks));
  const compared = comparedDatabases(single).filter((database) => !isEmptyHanded(database, evidence));
  const checks = single.map((check) => (isOfSource(check, evidence, compared) ? ofSource(check) : check));
  const newcomers = evidence.level === 'content' ? standingsOf(evidence.databases, evidence.markers).flatMap(({ newcomer }) => newcomer ?? []) : [];
  const findings = [...checks.filter(({ outcome }) => outcome === 'finding').map(asFinding), ...newcomers.map(newcomerFinding)];
  const coverage = coverageOf(evidence, compared);
  const failed = mostTelling(checks, 'failed');
  if (failed.length > 0) return { verdict: 'failed', cause: failed[0]?.cause ?? 'unknown', because: reasons(failed), findings, coverage };
  const lacking = [...mostTelling(checks, 'unusable'), ...missing(evidence, checks, compared)];
  if (lacking.length > 0) return { verdict: 'inconclusive', cause: lacking[0]?.cause ?? 'unknown', because: reasons(lacking), findings, coverage };
  const passed = checks.filter(({ outcome }) => outcome === 'passed');
  return { verdict: 'proven', level: evidence.level, because: reasons(passed), findings, coverage };
}

/** A proof that could not be carried through: what the error that ended it says about the backup. */
export function judgeEnded(evidence: Evidence, ended: { readonly cause: Cause; readonly because: readonly string[] }): Verdict {
  const judged = judge(evidence);
  if (judged.verdict === 'failed' && !(isFault(ended.cause) && rank(ended.cause) < rank(judged.cause))) return judged;
  const { findings, coverage } = judged;
  const because = [...ended.because, ...(judged.verdict === 'failed' ? judged.because : [])];
  return { verdict: isFault(ended.cause) ? 'failed' : 'inconclusive', cause: ended.cause, because, findings, coverage };
}

/** A result as it counts: a fault needs a fault's cause, and a comparison needs a marker of the same moment. */
function weighed(check: CheckResult, all: readonly CheckResult[]): CheckResult {
  if (check.outcome !== 'failed' && check.outcome !== 'passed') return check;
  if (check.name === 'snapshot-equivalence' && check.outcome === 'failed') return { ...check, outcome: 'unusable', cause: 'marker-unusable' };
  if (AGAINST_MARKER.includes(check.name) && check.database !== null && isMarkerVoid(check.database, all)) {
    return { ...check, outcome: 'unusable', cause: 'marker-unusable' };
  }
  if (check.outcome === 'failed' && !isFault(check.cause)) return { ...check, outcome: 'unusable', cause: check.cause ?? 'unknown' };
  return check;
}

function isMarkerVoid(database: string, all: readonly CheckResult[]): boolean {
  return all.some((other) => other.name === 'snapshot-equivalence' && other.database === database && other.outcome !== 'passed');
}

function comparedDatabases(checks: readonly CheckResult[]): readonly string[] {
  const passed = (name: CheckName) => checks.filter((check) => check.name === name && check.outcome === 'passed').map((check) => check.database);
  const bad = (name: CheckName) => checks.filter((check) => check.name === name && check.outcome !== 'passed').map((check) => check.database);
  const equivalent = new Set(passed('snapshot-equivalence'));
  const unequal = new Set([...bad('fingerprints'), ...bad('snapshot-equivalence')]);
  return [...new Set(passed('fingerprints'))].filter((database): database is string => database !== null && equivalent.has(database) && !unequal.has(database));
}

/** Nothing to compare by design: such tables alone leave a database without content to prove. */
const WITHOUT_CONTENT: readonly NotCoveredReason[] = ['unlogged', 'foreign-table', 'temporary'];

/** The marker read no table at all though there were some: time was over, or the role may read none. Its comparison says nothing. */
function isEmptyHanded(database: string, { markers }: Evidence): boolean {
  const ofDatabase = markers.filter((marker) => marker.database === database);
  const left = ofDatabase.flatMap(({ notCovered }) => notCovered.filter((each) => each.object !== null && each.database === database));
  return ofDatabase.every(({ fingerprints }) => fingerprints.length === 0) && left.some(({ reason }) => !WITHOUT_CONTENT.includes(reason));
}

/**
 * Rows that break their constraint and are all equal to the source's break it there too: a table loaded with its triggers off, a subscriber of
 * logical replication. That tells of the source, and nothing of the backup.
 */
function isOfSource({ outcome, cause, database }: CheckResult, { databases, markers }: Evidence, compared: readonly string[]): boolean {
  if (outcome !== 'failed' || cause !== 'constraint-violated') return false;
  const marker = standingsOf(databases, markers).find((standing) => standing.database.name === database)?.marker ?? null;
  if (marker === null || !compared.includes(marker.database)) return false;
  return marker.notCovered.every(({ object, reason }) => object === null || WITHOUT_CONTENT.includes(reason));
}

const ofSource = (check: CheckResult): CheckResult => ({
  ...check,
  outcome: 'finding',
  because: [...check.because, 'every row is equal to the source: it is broken there too'],
});

function missing({ level, databases, markers }: Evidence, checks: readonly CheckResult[], compared: readonly string[]): CheckResult[] {
  const has = (name: CheckName, database: string | null) => checks.some((check) => check.name === name && (database === null || check.database === database));
  const { once, perDatabase } = NEEDED[level];
  const standings = standingsOf(databases, markers);
  const isCompared = ({ marker }: (typeof standings)[number]) => marker !== null && compared.includes(marker.database);
  if (databases.length === 0)
    return [
      level === 'content' ? nothing('fingerprints', 'no-marker', 'no database was compared') : nothing('amcheck', 'interrupted', 'no database was looked at'),
    ];
  // where nothing at all was compared, no excuse makes content of it
  const mayLack = standings.some(isCompared);
  const lacks = [
    ...once.filter((name) => !has(name, null)).map((name) => ({ name, database: null })),
    ...standings.flatMap((standing) => {
      const database = standing.database.name;
      const lacksContent = !isCompared(standing) && !(mayLack && standing.newcomer !== null);
      return perDatabase.filter((name) => (name === 'fingerprints' ? lacksContent : !has(name, database))).map((name) => ({ name, database }));
    }),
  ];
  const results = lacks.map(({ name, database }): CheckResult => {
    const ofMarker = name === 'fingerprints';
    const where = database === null ? 'the clone' : `database ${database}`;
    const text = ofMarker ? `no marker of ${where} was compared` : `the check ${name} was not made on ${where}`;
    return { name, database, outcome: 'unusable', cause: ofMarker ? 'no-marker' : 'interrupted', because: [text], tookMs: 0 };
  });
  return results.sort((a, b) => rank(a.cause) - rank(b.cause));
}

const nothing = (name: CheckName, cause: Cause, because: string): CheckResult => ({
  ...{ name, database: null, outcome: 'unusable', cause, because: [because], tookMs: 0 },
});

const rank = (cause: Cause | null): number => {
  const place = ([...FAULTS, ...OBSTACLES] as readonly (Cause | null)[]).indexOf(cause);
  return place < 0 ? Number.POSITIVE_INFINITY : place;
};

function mostTelling(checks: readonly CheckResult[], outcome: 'failed' | 'unusable'): CheckResult[] {
  const causeRank = (check: CheckResult) => rank(check.cause ?? 'unknown');
  return checks.filter((check) => check.outcome === outcome).sort((a, b) => causeRank(a) - causeRank(b));
}

const reasons = (checks: readonly CheckResult[]): string[] => [
  ...new Set(checks.flatMap(({ because: [text], database }) => (text === undefined ? [] : [database === null ? text : `${database}: ${text}`]))),
];

const newcomerFinding = ({ database, detail }: NotCovered): Finding => ({
  check: 'fingerprints',
  cause: 'no-marker',
  text: `database ${database} was not compared: ${detail}`,
});

const asFinding = ({ name, cause, because }: CheckResult): Finding => ({ check: name, cause, text: because.join('; ') });
