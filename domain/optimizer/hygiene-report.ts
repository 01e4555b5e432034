/** What a run says about the indexes that are there. The report stays in the control database; its counts go into histories. Pure. */
import type { HygieneFinding, HygieneKind } from './hygiene.ts';
import type { Instant } from './model.ts';

export interface HygieneReport {
  readonly at: Instant;
  readonly tables: number;
  readonly indexes: number;
  readonly indexBytes: number;
  /** The heaviest ones, those that may be changed first. */
  readonly findings: readonly HygieneFinding[];
  /** All, with those that `findings` leaves out. */
  readonly found: Readonly<Partial<Record<HygieneKind, number>>>;
  /** What these findings cannot know, for people. */
  readonly notices: readonly string[];
}

/** What a run's result carries of it. */
export interface HygieneSummary {
  readonly tables: number;
  readonly indexes: number;
  readonly found: HygieneReport['found'];
  /** That would be changed, and what that gives back: by statistics, or really where `recommendation` is set. */
  readonly proposed: number;
  readonly freesBytes: number;
  readonly notices: readonly string[];
  /** Its id; null: nothing is recommended, and `because` says why. */
  readonly recommendation: string | null;
  readonly because: readonly string[];
}

/** Beyond it a list helps nobody; the counts tell of the rest. */
const MOST_FINDINGS = 500;

/** Keeps the heaviest findings, whatever their number. */
export function collector() {
  let findings: HygieneFinding[] = [];
  const found: Partial<Record<HygieneKind, number>> = {};
  let [tables, indexes, indexBytes] = [0, 0, 0];
  return {
    add(of: { readonly indexes: number; readonly bytes: number }, some: readonly HygieneFinding[]): void {
      tables += 1;
      indexes += of.indexes;
      indexBytes += of.bytes;
      for (const { kind } of some) found[kind] = (found[kind] ?? 0) + 1;
      findings.push(...some);
      if (findings.length > 2 * MOST_FINDINGS) findings = heaviest(findings);
    },
    report: (at: Instant, notices: readonly string[]): HygieneReport => ({ at, tables, indexes, indexBytes, findings: heaviest(findings), found, notices }),
  };
}

export function summaryOfHygiene(report: HygieneReport): HygieneSummary {
  const { tables, indexes, found, notices, findings } = report;
  const proposed = findings.filter(({ change }) => change !== null);
  const freesBytes = Math.round(proposed.reduce((sum, finding) => sum + finding.freesBytes, 0));
  const refused = findings.filter((finding) => finding.refused).length;
  const none =
    refused === 0
      ? 'no index should go or be built anew'
      : `${refused} that should go or be built anew were refused or taken back before: they come back when what speaks for them changes`;
  const because = proposed.length === 0 ? [none] : ['not measured on a lab'];
  return { tables, indexes, found, proposed: proposed.length, freesBytes, notices, recommendation: null, because };
}

const heaviest = (findings: readonly HygieneFinding[]): HygieneFinding[] =>
  findings.toSorted((a, b) => Number(a.change === null) - Number(b.change === null) || b.freesBytes - a.freesBytes).slice(0, MOST_FINDINGS);
