/** One plan as one page that needs nothing but itself: a picture of where the time goes, what was found, the whole tree. No script, no request. */
import { type Html, html } from '../../domain/html.ts';
import type { Finding } from '../../domain/optimizer/finding.ts';
import { count, ms, sayFinding } from '../../domain/optimizer/finding-words.ts';
import type { Instant } from '../../domain/optimizer/model.ts';
import { type Explained, nodesOf } from '../../domain/optimizer/plan.ts';
import { shareOf, sharesOf } from '../../domain/optimizer/plan-shares.ts';
import { sayPart, sayTarget, sayType } from '../../domain/optimizer/plan-words.ts';
import { icicle } from './icicle.ts';
import { planTree } from './plan-tree.ts';
import { code, sheet } from './sheet.ts';

export interface PlanPage {
  /** `Statement 2233…`, the name of a file. */
  readonly title: string;
  /** Normalised text; empty leaves it out. */
  readonly statement: string;
  readonly plan: Explained;
  readonly findings: readonly Finding[];
  readonly madeAt: Instant;
}

export function planPage({ title, statement, plan, findings, madeAt }: PlanPage): string {
  const isMeasured = plan.root.actual?.totalMs != null;
  const body = html`<header><p class="over"><b>Assay</b> · Plan of a statement</p><h1>${title}</h1><p class="claim">${claim(plan)}</p></header>
${figures(plan, findings)}
${statement === '' ? '' : html`<section><h2>Statement</h2>${code(statement)}</section>`}
<section><h2>Where the ${isMeasured ? 'time' : 'cost'} goes</h2>${icicle(plan.root)}
<p class="legend">Each node is as wide as its part of the whole, with everything below it; the warmer, the more it takes by itself.${isMeasured ? '' : ' Nothing was executed: these are the planner’s estimates.'}</p></section>
${findings.length === 0 ? '' : html`<section><h2>What was found</h2>${findingList(plan, findings)}</section>`}
<section class="long"><h2>The tree</h2>${planTree(plan.root, findings)}</section>
${settings(plan)}
<footer>Drawn ${madeAt.slice(0, 19).replace('T', ' ')} UTC. ${isMeasured ? 'Times are of one execution; the time of workers is what the wall clock saw. ' : ''}What a finding says may help is to be proven like everything else.</footer>`;
  return sheet({ title: `${title}: plan`, styles: ['plan.css'], body });
}

/** The page in one sentence: which node takes most. */
function claim({ root }: Explained): Html {
  const shares = sharesOf(root);
  const [top] = nodesOf(root).toSorted((a, b) => shareOf(shares[b.id] ?? none) - shareOf(shares[a.id] ?? none));
  if (top === undefined) return html``;
  const share = shares[top.id] ?? none;
  const target = sayTarget(top);
  return html`<strong>${sayPart(shareOf(share))}</strong> of the ${share.ms === null ? 'cost' : 'time'} goes into the ${sayType(top)}${target === '' ? '' : html` <span class="mono">${target}</span>`}.`;
}

const none = { timeShare: 0, costShare: 0, ms: null, cost: 0, inclusiveMs: null, inclusiveShare: 0, excessMs: 0, blocks: null, tempBlocks: null };

function figures({ root, executionMs, planningMs }: Explained, findings: readonly Finding[]): Html {
  const { blocks } = root;
  const read = blocks === null ? null : blocks.sharedHit + blocks.sharedRead;
  return html`<dl class="figures"><div><dt>Execution</dt><dd>${executionMs === null ? '–' : ms(executionMs)}<small>${executionMs === null ? 'not executed' : `${count((root.actual?.rows ?? 0) * (root.actual?.loops ?? 0))} rows`}</small></dd></div>
<div><dt>Planning</dt><dd>${planningMs === null ? '–' : ms(planningMs)}<small>cost ${count(root.estimate.totalCost)}</small></dd></div>
<div><dt>Buffers</dt><dd>${read === null ? '–' : count(read)}<small>${blocks === null ? 'not counted' : `${count(blocks.sharedRead)} not in memory, ${count(blocks.tempWritten)} written to disk`}</small></dd></div>
<div><dt>Findings</dt><dd class="${findings.length === 0 ? 'met' : 'missed'}">${findings.length}<small>in ${nodesOf(root).length} node${nodesOf(root).length === 1 ? '' : 's'}</small></dd></div></dl>`;
}

function findingList({ root }: Explained, findings: readonly Finding[]): Html {
  const nodes = nodesOf(root);
  return html`<ol class="findings">${findings.map((finding) => {
    const { title, says, wayOut } = sayFinding(finding);
    const node = finding.nodeId === null ? undefined : nodes[finding.nodeId];
    return html`<li><span class="part">${sayPart(finding.share)}</span><div><p><b>${title}</b>${node === undefined ? '' : html` <a href="#node-${node.id}">${sayType(node)} ${sayTarget(node)}</a>`}</p><p>${says}</p><p class="way-out">${wayOut}</p></div></li>`;
  })}</ol>`;
}

function settings({ settings: given, jit, triggers }: Explained): Html {
  const chips = [
    ...Object.entries(given).map(([name, value]) => `${name} = ${value}`),
    ...(jit === null ? [] : [`JIT: ${jit.functions} functions${jit.totalMs === null ? '' : `, ${ms(jit.totalMs)}`}`]),
    ...triggers.map(
      ({ name, relation, ms: took, calls }) =>
        `trigger ${name}${relation === null ? '' : ` on ${relation}`}: ${count(calls)} calls${took === null ? '' : `, ${ms(took)}`}`,
    ),
  ];
  return chips.length === 0
    ? html``
    : html`<section><h2>Beside the tree</h2><p>${chips.map((chip) => html`<span class="chip mono">${chip}</span> `)}</p></section>`;
}
