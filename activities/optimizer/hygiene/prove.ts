/** Removals and rebuilds, measured on the lab: what remains may be recommended, the rest is kept with what was seen. */
import { BLOAT, type HygieneFinding } from '../../../domain/optimizer/hygiene.ts';
import { judgeStatement } from '../../../domain/optimizer/verdict.ts';
import { canChange, measureSet, type SetTimes } from '../lab/experiment.ts';
import type { Prepared } from '../lab/session.ts';
import { builtAnew, type OnLabIndex, presentOnLab } from './on-lab.ts';

export interface ProvenRemovals {
  readonly gone: readonly OnLabIndex[];
  readonly times: SetTimes;
}

export interface ProvenRebuild {
  readonly finding: HygieneFinding;
  readonly freesBytes: number;
  readonly buildMs: number;
}

export interface Proven {
  readonly removals: ProvenRemovals;
  readonly rebuilds: readonly ProvenRebuild[];
  /** Findings that the lab spoke against, and how. */
  readonly kept: ReadonlyMap<HygieneFinding, string>;
}

/** Building takes time and room on the lab: of so many that waste most. */
const MOST_REBUILDS = 20;
/** What REINDEX really gives back, of the index: less is not worth its work. */
const LEAST_SHARE = 0.3;

type Lab = Pick<Prepared, 'session' | 'units' | 'rounds'>;

export async function proveFindings(lab: Lab, findings: readonly HygieneFinding[]): Promise<Proven> {
  const proposed = findings.filter(({ change }) => change !== null);
  const present = await presentOnLab(lab.session.client, proposed);
  const kept = new Map<HygieneFinding, string>();
  for (const finding of proposed) if (!present.some((each) => each.finding === finding)) kept.set(finding, 'the copy does not have it as it is now');
  const rebuilds = await provenRebuilds(lab, present, kept);
  const removals = await provenRemovals(lab, present, kept);
  return { removals, rebuilds, kept };
}

/** Whatever makes a statement slower by its absence stays; the rest is measured again as it will be. */
async function provenRemovals({ session, units, rounds }: Lab, present: readonly OnLabIndex[], kept: Map<HygieneFinding, string>): Promise<ProvenRemovals> {
  let gone = present.filter(({ finding }) => finding.change === 'drop-index');
  while (gone.length > 0) {
    const times = await measureSet(session, units, { built: gone, rounds, isRemoval: true });
    const slow = times.statements.map(judgeStatement).filter(({ judged }) => judged === 'slower');
    if (slow.length === 0) return { gone, times };
    const ids = new Set(slow.map(({ statement }) => statement));
    const slowed = times.units.filter(({ unit, isTouched }) => isTouched && ids.has(unit.bound.statement.id));
    const needed: OnLabIndex[] = [];
    for (const index of gone) {
      for (const { unit } of slowed) {
        if (needed.includes(index) || !(await canChange(session, unit, [index]))) continue;
        needed.push(index);
        const verdict = slow.find(({ statement }) => statement === unit.bound.statement.id);
        kept.set(index.finding, `statement ${unit.bound.statement.id} takes ${(verdict?.worst ?? verdict?.ratio ?? 1).toFixed(2)} times as long without it`);
      }
    }
    // only together do they slow it: which one is needed nobody can say
    const stay = needed.length > 0 ? needed : gone;
    if (needed.length === 0) for (const { finding } of gone) kept.set(finding, `statement ${[...ids].join(', ')} takes longer where all of them are gone`);
    gone = gone.filter((index) => !stay.includes(index));
  }
  return { gone: [], times: { units: [], statements: [], notJudged: [] } };
}

async function provenRebuilds({ session, rounds }: Lab, present: readonly OnLabIndex[], kept: Map<HygieneFinding, string>): Promise<readonly ProvenRebuild[]> {
  const asked = present.filter(({ finding }) => finding.change === 'reindex').toSorted((a, b) => b.finding.freesBytes - a.finding.freesBytes);
  const proven: ProvenRebuild[] = [];
  for (const [place, { finding, sizeBytes }] of asked.entries()) {
    session.io.signal.throwIfAborted();
    session.io.beat({ phase: 'rebuild', done: place, total: asked.length });
    if (place >= MOST_REBUILDS || Date.now() > rounds.untilMs) {
      kept.set(finding, 'no time was left to build it on the copy');
      continue;
    }
    const made = await builtAnew(session.client, finding);
    const freesBytes = 'refused' in made ? 0 : sizeBytes - made.sizeBytes;
    if ('refused' in made) kept.set(finding, `it cannot be built on the copy: ${made.refused}`);
    else if (finding.kind === 'bloated' && (freesBytes < sizeBytes * LEAST_SHARE || freesBytes < BLOAT.leastBytes))
      kept.set(finding, `built anew on the copy it is no smaller than ${made.sizeBytes} bytes`);
    else proven.push({ finding, freesBytes: Math.max(0, freesBytes), buildMs: made.buildMs });
  }
  return proven;
}
