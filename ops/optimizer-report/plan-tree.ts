/** The whole tree of a plan as nested lists: what each node took by itself, its rows, its conditions, what was found at it. */
import { type Html, html, px } from '../../domain/html.ts';
import type { Finding } from '../../domain/optimizer/finding.ts';
import { count, ms, sayFinding } from '../../domain/optimizer/finding-words.ts';
import type { PlanNode } from '../../domain/optimizer/plan.ts';
import { type NodeShare, shareOf, sharesOf } from '../../domain/optimizer/plan-shares.ts';
import { sayPart, sayRows, sayTarget, sayType } from '../../domain/optimizer/plan-words.ts';
import { heatOf } from './icicle.ts';

/** `ids`: what the ids of its nodes begin with; another one for each tree of a page. */
export function planTree(root: PlanNode, findings: readonly Finding[], ids = 'node'): Html {
  const shares = sharesOf(root);
  return html`<ul class="tree">${node(root, { shares, findings, ids })}</ul>`;
}

interface Drawn {
  readonly shares: readonly NodeShare[];
  readonly findings: readonly Finding[];
  readonly ids: string;
}

function node(each: PlanNode, drawn: Drawn): Html {
  const found = drawn.findings.filter(({ nodeId }) => nodeId === each.id);
  return html`<li id="${drawn.ids}-${each.id}"><div class="node${found.length > 0 ? ' found' : ''}"><div class="name"><p>${each.subplan === null ? '' : html`<span class="chip">${each.subplan}</span> `}<b>${sayType(each)}</b> <span class="mono">${sayTarget(each)}</span></p>
${each.expressions.map(({ name, text }) => html`<p class="expression"><span>${name}</span> <span class="mono">${text}</span></p>`)}
${found.map(note)}</div>${figures(each, drawn.shares[each.id])}</div>${each.children.length === 0 ? '' : html`<ul>${each.children.map((child) => node(child, drawn))}</ul>`}</li>`;
}

function note(finding: Finding): Html {
  const { title, says } = sayFinding(finding);
  return html`<p class="note"><b>${title}</b>: ${says}</p>`;
}

function figures(each: PlanNode, share: NodeShare | undefined): Html {
  if (share === undefined) return html``;
  const part = shareOf(share);
  return html`<div class="bar heat-${heatOf(part)}"><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="8"/><rect class="reading" width="${px(part * 100)}" height="8"/></svg></div>
<span class="num">${sayPart(part)}</span><span class="num">${share.ms === null ? `cost ${count(share.cost)}` : ms(share.ms)}</span><span class="rows">${sayRows(each)}${expected(each)}</span>`;
}

/** Said where it differs enough to matter to a reader. */
function expected({ actual, estimate }: PlanNode): Html {
  if (actual === null || actual.loops === 0) return html``;
  const factor = Math.max(1, actual.rows) / Math.max(1, estimate.rows);
  return factor >= 2 || factor <= 0.5 ? html`<small>${count(estimate.rows)} expected</small>` : html``;
}
