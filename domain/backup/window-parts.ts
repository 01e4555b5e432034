/**
 * What is said of each part of the restorable window. A moment is proven where a restore passed through it: from the backup it began with to
 * the moment it was compared at. Everything else that a backup and unbroken WAL lead to is reachable, no more. Pure.
 */
import type { BackupRecord, Instant } from './model.ts';
import type { ProofSummary } from './proof.ts';
import type { WindowPart } from './status.ts';
import { consistentFrom, type Interval } from './window.ts';

export interface PartsQuestion {
  readonly repository: number;
  readonly interval: Interval;
  /** Of the repository, in any order. */
  readonly backups: readonly BackupRecord[];
  readonly proofs: readonly ProofSummary[];
}

interface Span {
  readonly from: number;
  readonly to: number;
  readonly labels: readonly string[];
}

/** Parts of one interval, in the order of time, without a hole between them; never empty. */
export function windowParts(question: PartsQuestion): readonly WindowPart[] {
  const { repository, interval } = question;
  const [begin, end] = [Date.parse(interval.from.at), Date.parse(interval.to.at)];
  const parts: WindowPart[] = [];
  const reachable = (from: number, to: number) =>
    parts.push({ repository, state: 'reachable', from: instant(from), to: instant(to), because: `backup ${newestBefore(question, from)} and unbroken WAL` });
  let done = begin;
  for (const { from, to, labels } of joined(provenSpans(question))) {
    if (from > done) reachable(done, from);
    parts.push({ repository, state: 'proven', from: instant(from), to: instant(to), because: `restored and checked: ${labels.join(', ')}` });
    done = to;
  }
  if (done < end || parts.length === 0) reachable(done, end);
  return parts;
}

/** Of proofs that name no moment (older workers made them) the end of the backup itself is proven. */
function provenSpans({ repository, interval, backups, proofs }: PartsQuestion): readonly Span[] {
  const [begin, end] = [Date.parse(interval.from.at), Date.parse(interval.to.at)];
  return proofs.flatMap((proof) => {
    const backup = backups.find(({ label }) => label === proof.backup && interval.backups.includes(label));
    if (proof.verdict !== 'proven' || (proof.repository ?? repository) !== repository || backup === undefined) return [];
    const from = Math.min(end, Math.max(begin, Date.parse(consistentFrom(backup).at)));
    return [{ from, to: Math.min(end, Math.max(from, Date.parse(proof.provenAt ?? instant(from)))), labels: [backup.label] }];
  });
}

function joined(spans: readonly Span[]): readonly Span[] {
  const whole: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const last = whole.at(-1);
    if (last === undefined || span.from > last.to) whole.push(span);
    else whole.splice(-1, 1, { from: last.from, to: Math.max(last.to, span.to), labels: [...new Set([...last.labels, ...span.labels])] });
  }
  return whole;
}

function newestBefore({ interval, backups }: PartsQuestion, at: number): string {
  const before = backups.filter((backup) => interval.backups.includes(backup.label) && Date.parse(consistentFrom(backup).at) <= at);
  return before.toSorted((a, b) => Date.parse(a.stoppedAt) - Date.parse(b.stoppedAt)).at(-1)?.label ?? interval.backups[0] ?? '';
}

const instant = (ms: number): Instant => new Date(ms).toISOString();
