/** Gain against size: every set that the run built, by the room it takes and the time it leaves. */
import { type Html, html, px } from '../../domain/html.ts';
import { percent, size, withTexts } from '../../domain/optimizer/finding-words.ts';
import type { TriedSet } from '../../domain/optimizer/tried-set.ts';

const WIDTH = 880;
const HEIGHT = 210;
const LEFT = 60;
const RIGHT = 30;
const TOP = 16;
const BASE = HEIGHT - 34;

export interface TriedSets {
  readonly sets: readonly TriedSet[];
  /** Id of the experiment that the recommendation rests on. */
  readonly chosen: string;
  readonly texts: Readonly<Record<string, string>>;
}

/** Nothing where there is nothing to compare it with. */
export function setsPicture({ sets, chosen, texts }: TriedSets): Html {
  if (sets.length < 2 || !sets.some(({ id }) => id === chosen)) return html``;
  const drawn = sets.toSorted((a, b) => a.sizeBytes - b.sizeBytes);
  const largest = Math.max(1, ...drawn.map(({ sizeBytes }) => sizeBytes)) * 1.08;
  const most = Math.max(1, ...drawn.map(({ total }) => Math.min(total.high, 2))) * 1.05;
  const x = (bytes: number) => px(LEFT + (bytes / largest) * (WIDTH - LEFT - RIGHT));
  const y = (ratio: number) => px(BASE - (Math.min(ratio, most) / most) * (BASE - TOP));
  const mark = ({ id, sizeBytes, total: { ratio, low, high } }: TriedSet, at: number): Html =>
    html`<g class="mark ${id === chosen ? 'chosen' : ''}"><title>${size(sizeBytes)}: ${percent(ratio)} % of the time left</title><line x1="${x(sizeBytes)}" x2="${x(sizeBytes)}" y1="${y(low)}" y2="${y(high)}"/><circle cx="${x(sizeBytes)}" cy="${y(ratio)}" r="10"/><text x="${x(sizeBytes)}" y="${px(Number(y(ratio)) + 4)}" text-anchor="middle">${at + 1}</text></g>`;
  return html`<section><h2>Gain against size</h2><svg class="worth sets" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="The sets that were measured by their size and by the time they leave">
<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${BASE}" y2="${BASE}"/><line class="axis" x1="${LEFT}" x2="${LEFT}" y1="${TOP}" y2="${BASE}"/><line class="one" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(1)}" y2="${y(1)}"/>
<text class="axis-name" x="${WIDTH - RIGHT}" y="${HEIGHT - 8}" text-anchor="end">size, up to ${size(largest)}</text><text class="axis-name" x="${LEFT - 8}" y="${BASE + 4}" text-anchor="end">0 %</text><text class="axis-name" x="${LEFT - 8}" y="${y(1)}" text-anchor="end">100 %</text>
<text class="axis-name" x="${LEFT + 8}" y="${HEIGHT - 8}">time left, with its 95 % interval</text>${drawn.map(mark)}</svg>
<ol class="tried">${drawn.map((each) => row(each, each.id === chosen, texts))}</ol></section>`;
}

const row = ({ indexes, sizeBytes, total, decision }: TriedSet, isChosen: boolean, texts: TriedSets['texts']): Html =>
  html`<li${isChosen ? { html: ' class="chosen"' } : ''}><b>${percent(total.ratio)} %</b> left, ${indexes} ${indexes === 1 ? 'index' : 'indexes'}, ${size(sizeBytes)}: ${isChosen ? 'recommended' : decision.verdict === 'accepted' ? 'would do' : decision.because.map((sentence) => withTexts(sentence, texts)).join('; ')}</li>`;
