/**
 * One statement, several ways to make it faster: what a run measured of each, side by side, and which is preferred. Pure.
 *
 * The rule: the way that leaves least time, unless another one saves at least nine tenths of the time that it saves for a tenth of what it costs,
 * and slows no write. What a way costs is its bytes on disk, and ten times the bytes that it may take in memory; below a megabyte costs are none.
 */
import type { Experiment } from './model.ts';
import { nodesOf } from './plan.ts';
import { kindOf, type Recommendation, type RecommendedIndex, takenBytes } from './recommendation.ts';
import { ruleWords } from './rewrite.ts';
import { settingSql, type TriedSettings } from './setting.ts';
import type { StatementPlans } from './statement-plans.ts';
import type { Interval } from './statistics.ts';

export const wayKinds = ['indexes', 'statistics', 'rewrite', 'settings'] as const;
export type WayKind = (typeof wayKinds)[number];

export interface Way {
  readonly kind: WayKind;
  /** Which recommends it; null: it is not recommended by itself. */
  readonly recommendation: string | null;
  /** What it does: SQL, one a line, or words. */
  readonly what: readonly string[];
  /** Executed time of the statement with it / with nothing of the others. */
  readonly left: Interval;
  /** Real, on disk. */
  readonly sizeBytes: number;
  /** One execution may take it at most. */
  readonly memoryBytes: number;
  readonly writes: WriteCost;
  /** Of settings: time left with them where all else that is recommended is there. */
  readonly beside?: Interval;
}

/** Statements that write, and what the slowest of them takes; null: none is slower beyond noise. */
export interface WriteCost {
  readonly statements: number;
  readonly slowest: number | null;
}

export interface Alternatives {
  readonly statement: string;
  /** At least two, the one that leaves least first. */
  readonly ways: readonly Way[];
  /** Place of the preferred one. */
  readonly preferred: number;
  readonly because: string;
}

/** Of the time that the best way saves. */
const NEARLY = 0.9;
/** Of what the best way costs. */
const MUCH_LESS = 0.1;
const MEMORY_WEIGHT = 10;
const NOTHING_BYTES = 1_000_000;

const costOf = ({ sizeBytes, memoryBytes }: Way): number => sizeBytes + MEMORY_WEIGHT * memoryBytes;

/** Of one statement. null: fewer than two ways, so there is nothing to choose. */
export function compareWays(statement: string, found: readonly Way[]): Alternatives | null {
  const ways = found.toSorted((a, b) => a.left.ratio - b.left.ratio || costOf(a) - costOf(b));
  const [best] = ways;
  if (best === undefined || ways.length < 2) return null;
  const cheaper = ways.filter((way) => way !== best && isNearly(way, best) && isMuchCheaper(way, best));
  const [cheapest] = cheaper.toSorted((a, b) => costOf(a) - costOf(b));
  if (cheapest === undefined)
    return { statement, ways, preferred: 0, because: `${wayWords[best.kind]}: it leaves least time, and none saves nearly as much for a tenth of its cost` };
  const saved = Math.round((saves(cheapest) / saves(best)) * 100);
  const because = `${wayWords[cheapest.kind]}: it saves ${saved} % of the time that ${wayWords[best.kind]} would, for at most a tenth of the cost`;
  return { statement, ways, preferred: ways.indexOf(cheapest), because };
}

export const wayWords: Readonly<Record<WayKind, string>> = { indexes: 'new indexes', statistics: 'statistics', rewrite: 'another text', settings: 'a setting' };

const saves = ({ left }: Way): number => Math.max(0, 1 - left.ratio);
const isNearly = (way: Way, best: Way): boolean => saves(way) > 0 && saves(way) >= NEARLY * saves(best);
const isMuchCheaper = (way: Way, best: Way): boolean => way.writes.slowest === null && costOf(best) >= NOTHING_BYTES && costOf(way) <= MUCH_LESS * costOf(best);

/** All that one run measured. */
export interface RunFound {
  readonly recommendations: readonly Recommendation[];
  /** By recommendation; of those without, the whole set counts for each statement. */
  readonly plans: Readonly<Record<string, readonly StatementPlans[]>>;
  readonly settings: readonly TriedSettings[];
}

/** Of each statement that at least two ways of a run help; those that save most come first. */
export function alternativesOf({ recommendations, plans, settings }: RunFound): readonly Alternatives[] {
  const ways = new Map<string, Way[]>();
  const add = (statement: string, way: Way) => ways.set(statement, [...(ways.get(statement) ?? []), way]);
  for (const recommendation of recommendations) {
    const kind = wayKindOf(recommendation.indexes);
    if (kind === null) continue;
    for (const { statement, judged, ratio, low, high } of recommendation.experiment.statements) {
      if (judged !== 'faster') continue;
      const changes = changesFor(recommendation, statement, plans[recommendation.id] ?? []);
      if (changes.length === 0) continue;
      const writes = kind === 'indexes' ? writesOf(recommendation) : NO_WRITES;
      const way = { kind, recommendation: recommendation.id, what: changes.flatMap(doing), left: { ratio, low, high } };
      add(statement, { ...way, sizeBytes: takenBytes(changes), memoryBytes: 0, writes });
    }
  }
  for (const tried of settings) {
    const way = settingsWay(tried, recommendations);
    if (way !== null) add(tried.statement, way);
  }
  const compared = [...ways].flatMap(([statement, found]) => compareWays(statement, found) ?? []);
  return compared.toSorted((a, b) => (a.ways[0]?.left.ratio ?? 1) - (b.ways[0]?.left.ratio ?? 1));
}

/** Those in which a recommendation has a part. */
export const alternativesTo = (id: string, found: RunFound): readonly Alternatives[] =>
  alternativesOf(found).filter(({ ways }) => ways.some(({ recommendation }) => recommendation === id));

/** null: settings, which are told by what was tried, and what makes nothing faster. */
function wayKindOf(changes: readonly RecommendedIndex[]): Exclude<WayKind, 'settings'> | null {
  const [first] = changes;
  const kind = first === undefined ? null : kindOf(first);
  if (kind === 'create-index') return 'indexes';
  if (kind === 'create-statistics') return 'statistics';
  return kind === 'rewrite' ? 'rewrite' : null;
}

/** Those of the changes that the statement's own plan uses, where that was kept. */
function changesFor({ indexes }: Recommendation, statement: string, plans: readonly StatementPlans[]): readonly RecommendedIndex[] {
  const after = plans.find((each) => each.statement === statement)?.after;
  if (after === undefined) return indexes.filter((change) => change.kind !== 'rewrite' || change.rewrite.statement === statement);
  const used = new Set(nodesOf(after.root).map(({ index }) => index));
  const own = indexes.filter((change) => kindOf(change) !== 'create-index' || used.has(change.name));
  // of a partitioned index the plan names the parts'
  return own.length === 0 ? indexes : own;
}

function doing(change: RecommendedIndex): readonly string[] {
  if (change.kind !== 'rewrite') return change.sql.split('\n');
  const { rules, indexes = [], useless = [] } = change.rewrite;
  const gone = useless.map(({ name, isOnly }) => `${name} is not used with it${isOnly ? ', by nobody: take one of both' : ''}`);
  return [...rules.map((rule) => ruleWords[rule]), ...indexes.flatMap(({ sql }) => sql.split('\n')), ...gone];
}

const NO_WRITES: WriteCost = { statements: 0, slowest: null };

const WRITES = /^\s*(?:\/\*.*?\*\/\s*)*(insert|update|delete|merge)\b/is;

function writesOf({ experiment, texts }: Pick<Recommendation, 'texts'> & { readonly experiment: Pick<Experiment, 'statements'> }): WriteCost {
  const writing = experiment.statements.filter(({ statement }) => WRITES.test(texts[statement] ?? ''));
  const slower = writing.filter(({ judged }) => judged === 'slower').map(({ ratio, worst = ratio }) => Math.max(ratio, worst));
  return { statements: writing.length, slowest: slower.length === 0 ? null : Math.max(...slower) };
}

/** An alternative is what helps by itself, recommended or not. */
function settingsWay({ statement, settings, alone, beside, refused }: TriedSettings, recommendations: readonly Recommendation[]): Way | null {
  const left = alone ?? beside;
  if (!(left.high < 1)) return null;
  const isIts = (change: RecommendedIndex) => change.kind === 'setting' && change.advice.statement === statement;
  const recommendation = refused === null ? (recommendations.find(({ indexes }) => indexes.some(isIts))?.id ?? null) : null;
  const memoryBytes = Math.max(0, ...settings.map(({ memory }) => memory?.executionBytes ?? 0));
  const way = { kind: 'settings' as const, recommendation, what: settings.map(settingSql), left, sizeBytes: 0, memoryBytes, writes: NO_WRITES };
  return alone === null ? way : { ...way, beside };
}
