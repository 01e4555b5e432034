/** A source that changes nothing: the steps of applying and guarding answer from a script. */
import type { ApplySteps, EvidenceCheck, GuardVerdict } from '../../activities/optimizer/steps/apply.ts';
import { AssayError } from '../../domain/errors.ts';

const untouched = () => ({
  evidence: { fresh: true, because: [] } as EvidenceCheck,
  windows: [] as GuardVerdict[],
  done: [] as string[],
  /** Its counters cannot be read. */
  isBlind: false,
  failsAt: null as number | null,
  blocked: null as Promise<void> | null,
  /** By id of an older recommendation: done when a newer one was read that would supersede it, before its workflow knows. */
  meanwhile: new Map<string, () => Promise<unknown>>(),
  /** What a run does when it looks at indexes. */
  inRun: null as ((run: string) => Promise<never>) | null,
  /** Holds up whatever is written down of states. */
  writing: null as Promise<void> | null,
  written: [] as string[],
  under: new Set<string>(),
  /** Under way at the same moment. */
  most: 0,
});

/** What the source answers, and what was done to it; each test sets and reads it. */
export const source = untouched();

/** Before each test. */
export const resetSource = (): void => void Object.assign(source, untouched());

/** Steps of the worker. */
export const scripted: ApplySteps = {
  checkEvidence: async () => source.evidence,
  async prepareApply({ recommendation }) {
    source.under.add(recommendation);
    source.most = Math.max(source.most, source.under.size);
    return { roomBytes: null, neededBytes: 1, notes: [] };
  },
  async applyChange({ place }) {
    await source.blocked;
    source.done.push(`apply ${place}`);
    if (place === source.failsAt) throw new AssayError('refused-by-guard', { what: 'the change', reason: 'its table is gone', hint: 'none' });
    return { outcome: 'built', sizeBytes: 8192, tookMs: 5 };
  },
  async undoChange({ place }) {
    source.done.push(`undo ${place}`);
    return { outcome: 'dropped' };
  },
  async lookAtStatements({ window, look }) {
    if (source.isBlind) throw new AssayError('statements-missing', { database: 'db', reason: 'the extension is not created there', way: 'create it' });
    if (look === 0) source.done.push(`window ${window}`);
  },
  async guardWindow({ recommendation }) {
    const verdict = source.windows.shift() ?? { verdict: 'keep', because: ['faster'] };
    if (verdict.verdict === 'keep') source.under.delete(recommendation);
    return verdict;
  },
};
