import type { StatisticsFacts } from './finding.ts';
import { sayFinding } from './finding-words.ts';
import { statisticsFault } from './findings-statement.ts';
import { quoteRelation } from './index-sql.ts';

/** More of them would hide the rest. */
const MOST_NOTICES = 5;

/** Tables that a run should not be judged by before they are analysed: plans rest on their statistics, and so do values that are made up. */
export function statisticsNotices(facts: readonly StatisticsFacts[]): readonly string[] {
  const said = facts.flatMap((each) => {
    const evidence = statisticsFault(each);
    if (evidence === null) return [];
    const { title, says } = sayFinding({ evidence, isMeasured: false });
    return [`${quoteRelation(each.table)}: ${title}, ${says}; ANALYZE it and run again: plans and made-up values rest on them`];
  });
  const more = said.length - MOST_NOTICES;
  return [...said.slice(0, MOST_NOTICES), ...(more > 0 ? [`${more} more table(s) with missing or stale statistics`] : [])];
}
