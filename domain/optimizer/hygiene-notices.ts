/** What a look at a source's indexes cannot know, in words. Pure. */
import type { Instant } from './model.ts';

interface Look {
  readonly countersSince: Instant | null;
  readonly standbys: number;
  readonly isNamed: boolean;
  readonly windowMs: number;
  readonly now: Instant;
}

const DAY_MS = 86_400_000;

export function hygieneNotices({ countersSince, standbys, isNamed, windowMs, now }: Look): readonly string[] {
  const days = countersSince === null ? null : (Date.parse(now) - Date.parse(countersSince)) / DAY_MS;
  const window = Math.round(windowMs / DAY_MS);
  return [
    ...(days === null || days * DAY_MS >= windowMs ? [] : [`its counters began ${days.toFixed(1)} days ago: no index is called unused before ${window} days`]),
    ...(standbys > 0
      ? [`${standbys} standby server(s)${isNamed ? ', one of them named by the policy' : ''}: what is read there is not counted here, so no unused index goes`]
      : []),
  ];
}
