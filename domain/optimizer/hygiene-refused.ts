/** Removals and rebuilds that somebody refused, or production took back: they do not come back until what speaks for them is other, whatever comes beside them. Pure. */
import type { HistoryEntry } from './decision.ts';
import type { HygieneFinding } from './hygiene.ts';
import type { HygieneReport } from './hygiene-report.ts';
import type { IndexChange, Recommendation, RecommendedIndex } from './recommendation.ts';
import { rebuildOf, removalOf } from './removals.ts';

/** A recommendation that ended so, with the event of it. */
export interface EndedHygiene {
  readonly recommendation: Pick<Recommendation, 'id' | 'indexes'>;
  readonly event: Pick<HistoryEntry, 'at' | 'by' | 'because'> & { readonly state: 'refused' | 'rolled-back' };
}

/** What would be proposed and was refused is kept, with who, when and why. A report that says so already stays as it is. */
export const withRefusals = (report: HygieneReport, ended: readonly EndedHygiene[]): HygieneReport => ({
  ...report,
  findings: report.findings.map((finding) => refusedFinding(finding, ended)),
});

function refusedFinding(finding: HygieneFinding, ended: readonly EndedHygiene[]): HygieneFinding {
  const now = changeOf(finding);
  if (now === null) return finding;
  const before = ended.find(({ recommendation }) => recommendation.indexes.some((change) => isSame(change, now)));
  return before === undefined ? finding : { ...finding, change: null, refused: true, kept: wordsOf(before) };
}

function changeOf({ change, index, because, freesBytes, rests }: HygieneFinding): IndexChange | null {
  if (change === null) return null;
  return change === 'reindex'
    ? rebuildOf(index, { because, freesBytes })
    : removalOf(index, { because, freesBytes, ...(rests === undefined ? {} : { rests }) });
}

/** The same index, by its definition too, for the same reason. */
function isSame(before: RecommendedIndex, now: IndexChange): boolean {
  return before.sql === now.sql && before.undo === now.undo && !isOtherGround(before, now, now.kind === 'reindex' ? MUCH_ESTIMATED : MUCH);
}

/** It would give back another amount than it did: grown or shrunk by half. */
const MUCH = 1.5;
/** What a rebuild gives back is known from statistics only, until the lab has made it. */
const MUCH_ESTIMATED = 3;

/** What speaks for the change is other: what replaces the index, or what it gives back. */
export function isOtherGround(before: RecommendedIndex, now: RecommendedIndex, much = MUCH): boolean {
  const [was, is] = [before, now].map(({ sizeBytes }) => sizeBytes) as [number, number];
  return servedBy(before) !== servedBy(now) || is > was * much || is * much < was;
}

/** null: nothing needs to. Left out where nothing was noted, of what failed to build. */
const servedBy = (change: RecommendedIndex): string | null | undefined => (change.index === null ? undefined : change.rests?.on);

function wordsOf({ recommendation: { id }, event: { state, at, by, because } }: EndedHygiene): string {
  const reason = because.length === 0 ? '' : `: ${because.join('; ')}`;
  const what = state === 'refused' ? `refused${by === null ? '' : ` by ${by}`}` : 'taken back by the guard';
  return `${what} on ${at.slice(0, 10)}${reason} (recommendation ${id}); it comes back when what speaks for it changes`;
}
