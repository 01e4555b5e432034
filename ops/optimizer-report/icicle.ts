/** Where the time of a plan goes, as a picture: a node is as wide as its part of the whole, its children hang below it. */
import { type Html, html, px } from '../../domain/html.ts';
import { ms } from '../../domain/optimizer/finding-words.ts';
import { nodesOf, type PlanNode } from '../../domain/optimizer/plan.ts';
import { callersOf } from '../../domain/optimizer/plan-callers.ts';
import { type NodeShare, shareOf, sharesOf } from '../../domain/optimizer/plan-shares.ts';
import { sayPart, sayTarget, sayType } from '../../domain/optimizer/plan-words.ts';

const WIDTH = 880;
const LEVEL = 34;
/** Average width of a letter of the two sizes. */
const LETTER = 6.2;
const SMALL_LETTER = 5.4;

/** What a node took by itself, from cold to hot. */
export const heatOf = (share: number): number => [0.02, 0.1, 0.25, 0.5].filter((limit) => share >= limit).length;

export function icicle(root: PlanNode): Html {
  const shares = sharesOf(root);
  const callers = callersOf(nodesOf(root));
  // a CTE hangs below the node that ran it, where times say so; costs are charged where EXPLAIN shows them
  const children = (node: PlanNode) => (shares[0]?.ms == null ? node.children : callers.children(node.id));
  const cells: Html[] = [];
  const draw = (node: PlanNode, x: number, depth: number): number => {
    const share = shares[node.id];
    if (share !== undefined) cells.push(cell(node, share, { x, depth }));
    let at = x;
    const below = children(node).map((child) => {
      const deepest = draw(child, at, depth + 1);
      at += (shares[child.id]?.inclusiveShare ?? 0) * WIDTH;
      return deepest;
    });
    return Math.max(depth, ...below);
  };
  const height = (draw(root, 0, 0) + 1) * LEVEL;
  return html`<div class="scroll"><svg class="icicle" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Nodes of the plan by their part of the whole">${cells}</svg></div>`;
}

function cell(node: PlanNode, share: NodeShare, { x, depth }: { readonly x: number; readonly depth: number }): Html {
  const width = share.inclusiveShare * WIDTH;
  const name = `${sayType(node)} ${sayTarget(node)}`.trim();
  const took = share.ms === null ? `cost ${Math.round(share.cost)}` : ms(share.ms);
  const part = sayPart(shareOf(share));
  const [left, top] = [px(x + 6), depth * LEVEL];
  return html`<g class="cell heat-${heatOf(shareOf(share))}"><title>${name}: ${took} by itself, ${sayPart(share.inclusiveShare)} with everything below</title>
<rect x="${px(x + 0.5)}" y="${top + 0.5}" width="${px(Math.max(0.6, width - 1))}" height="${LEVEL - 1.5}" rx="2"/>
${label(name, width, LETTER, html`x="${left}" y="${top + 14}"`)}${label(lettersIn(width, SMALL_LETTER) < `${part} · ${took}`.length ? part : `${part} · ${took}`, width, SMALL_LETTER, html`class="small" x="${left}" y="${top + 27}"`)}</g>`;
}

function label(text: string, width: number, letter: number, place: Html): Html {
  const room = lettersIn(width, letter);
  const chars = [...text];
  if (room < 4) return html``;
  return html`<text ${place}>${chars.length <= room ? text : `${chars.slice(0, room - 1).join('')}…`}</text>`;
}

const lettersIn = (width: number, letter: number) => Math.floor((width - 10) / letter);
