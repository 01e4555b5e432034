/** Removals and rebuilds, measured on the lab: what remains may be recommended, the rest is kept with what was seen. */
import { BLOAT, type HygieneFinding } from '../../../domain/optimizer/hygiene.ts';
import { doesHarm, judgeStatement, judgeTotal, shown } from '../../../domain/optimizer/verdict.ts';
import type { Unit } from '../lab/execute.ts';
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

/** Whatever makes a statement, or all of them together, slower by its absence stays; the rest is measured again as it will be. */
async function provenRemovals({ session, units, rounds }: Lab, present: readonly OnLabIndex[], kept: Map<HygieneFinding, string>): Promise<ProvenRemovals> {
  let gone = present.filter(({ finding }) => finding.change === 'drop-index');
  while (gone.length > 0) {
    const times = await measureSet(session, units, { built: gone, rounds, isRemoval: true });
    const harm = harmOf(times);
    if (harm === null) return { gone, times };
    const needed: OnLabIndex[] = [];
    for (const index of gone) {
      const unit = await firstChanged(session, harm.units, index);
      if (unit === null) continue;
      needed.push(index);
      kept.set(index.finding, harm.words(unit.bound.statement.id));
    }
    // only together do they slow it: which one is needed nobody can say
    if (needed.length === 0) for (const { finding } of gone) kept.set(finding, harm.together);
    gone = needed.length === 0 ? [] : gone.filter((index) => !needed.includes(index));
  }
  return { gone: [], times: { units: [], statements: [], notJudged: [] } };
}

interface Harm {
  /** Those that it is seen in. */
  readonly units: readonly Unit[];
  readonly words: (statement: string) => string;
  readonly together: string;
}

/** null: none. */
function harmOf({ statements, units }: SetTimes): Harm | null {
  const slow = new Map(statements.map(judgeStatement).flatMap((verdict) => (doesHarm(verdict) ? [[verdict.statement, verdict] as const] : [])));
  const touched = units.filter(({ isTouched }) => isTouched).map(({ unit }) => unit);
  if (slow.size > 0) {
    const ratioOf = (id: string) => (slow.get(id)?.worst ?? slow.get(id)?.ratio ?? 1).toFixed(2);
    return {
      units: touched.filter(({ bound }) => slow.has(bound.statement.id)),
      words: (id) => `statement ${id} takes ${ratioOf(id)} times as long without it`,
      together: `statement ${[...slow.keys()].join(', ')} takes longer where all of them are gone`,
    };
  }
  const total = judgeTotal(statements);
  if (!(total.low > 1)) return null;
  const together = `the executed total rises to ${shown(total)} of before`;
  return { units: touched, words: () => `${together} without what plans use`, together };
}

async function firstChanged(session: Lab['session'], units: readonly Unit[], index: OnLabIndex): Promise<Unit | null> {
  for (const unit of units) if (await canChange(session, unit, [index])) return unit;
  return null;
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
