/** Timelines: how WAL branches at each promotion. Source: PostgreSQL manual, "Timelines"; `readTimeLineHistory` in timeline.c. */
import { compareLsn, isLsn, type Lsn } from './lsn.ts';
import type { TimelineBranch, TimelineHistory } from './model.ts';

/** Lines of a `.history` file: parent timeline, LSN where it was left, reason; oldest first. Comments and empty lines are skipped. */
export function parseTimelineHistory(text: string): readonly TimelineBranch[] {
  const branches: TimelineBranch[] = [];
  for (const line of text.split('\n')) {
    const [parent, lsn] = line.trim().split(/\s+/);
    if (parent === undefined || !/^\d+$/.test(parent) || lsn === undefined || !isLsn(lsn)) continue;
    branches.push({ timeline: Number(parent), leftAt: lsn });
  }
  return branches;
}

/** The way from the first timeline to this one, itself last with no end. A timeline without a known history stands alone. */
export function wayTo(timeline: number, histories: readonly TimelineHistory[]): readonly { readonly timeline: number; readonly leftAt: string | null }[] {
  const history = histories.find((each) => each.timeline === timeline);
  return [...(history?.branches ?? []), { timeline, leftAt: null }];
}

/** The timeline of this history on which a position lies; where two meet it is still the older one's. */
export const timelineAt = (lsn: Lsn, { timeline, branches }: TimelineHistory): number =>
  branches.find(({ leftAt }) => compareLsn(lsn, leftAt) <= 0)?.timeline ?? timeline;
