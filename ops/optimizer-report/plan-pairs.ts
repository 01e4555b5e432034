/** Plans of a statement without and with the set, one above the other. */
import { type Html, html, px } from '../../domain/html.ts';
import { count, ms, percent } from '../../domain/optimizer/finding-words.ts';
import type { StatementVerdict } from '../../domain/optimizer/model.ts';
import type { Explained } from '../../domain/optimizer/plan.ts';
import type { StatementPlans } from '../../domain/optimizer/statement-plans.ts';
import { icicle } from './icicle.ts';
import { planTree } from './plan-tree.ts';
import { code } from './sheet.ts';

export interface PlanPairs {
  readonly plans: readonly StatementPlans[];
  readonly verdicts: readonly StatementVerdict[];
  /** Normalised, by statement. */
  readonly texts: Readonly<Record<string, string>>;
}

/** The first one open: whoever prints the page or has no time sees what weighs most. */
export function planPairs({ plans, verdicts, texts }: PlanPairs): Html {
  return html`${plans.map((each, at) => {
    const verdict = verdicts.find(({ statement }) => statement === each.statement);
    return pair(each, { verdict, text: texts[each.statement] ?? each.statement, at });
  })}
<p class="legend">One execution of each on the copy, with the values that the set moves most; a clock at every node makes it slower than the figures above. Constants are shown as “?”. The two bars are the times before and after on one scale; each node is as wide as its part of its own plan, and the warmer, the more it takes by itself.</p>`;
}

interface About {
  readonly verdict: StatementVerdict | undefined;
  readonly text: string;
  readonly at: number;
}

function pair({ before, after }: StatementPlans, { verdict, text, at }: About): Html {
  const said = verdict === undefined ? '' : html`<span class="judged">${verdict.judged}</span> <span class="num">${percent(verdict.ratio)} %</span>`;
  return html`<details class="pair ${verdict?.judged ?? ''}"${at === 0 ? { html: ' open' } : ''}><summary><span class="text mono">${text}</span> ${said}</summary>
${isCut(text) ? code(text) : ''}
${scale(before, after)}${side('Before', before)}${side('After', after)}
<details class="trees"><summary>node by node</summary><h4>Before</h4>${planTree(before.root, [], `before-${at}`)}<h4>After</h4>${planTree(after.root, [], `after-${at}`)}</details></details>`;
}

/** The summary shows one line of it. */
const isCut = (text: string): boolean => text.length > 90 || text.includes('\n');

/** Both on one scale, where both were executed. */
function scale({ executionMs: before }: Explained, { executionMs: after }: Explained): Html {
  if (before === null || after === null) return html``;
  const width = (took: number) => px(Math.max(0.3, (took / Math.max(before, after, 0.001)) * 100));
  return html`<svg class="scale" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="${ms(before)} before, ${ms(after)} after"><rect width="${width(before)}" height="4"/><rect class="after" y="6" width="${width(after)}" height="4"/></svg>`;
}

function side(name: string, plan: Explained): Html {
  const { root, executionMs } = plan;
  const took =
    executionMs === null
      ? html`not executed: cost <b>${count(root.estimate.totalCost)}</b> by the planner’s estimate`
      : html`<b>${ms(executionMs)}</b>${read(plan)}`;
  return html`<h4>${name} <small>${took}</small></h4>${icicle(root)}`;
}

function read({ root: { blocks } }: Explained): string {
  return blocks === null ? '' : `, ${count(blocks.sharedHit + blocks.sharedRead)} pages of 8 kB read`;
}
