/** Each statement's time after against before, with its interval, on one scale: left of the line it gained, right of it lost. */
import { type Html, html, px } from '../../domain/html.ts';
import { percent } from '../../domain/optimizer/finding-words.ts';
import type { StatementVerdict } from '../../domain/optimizer/model.ts';

const SHOWN = 60;
const WIDTH = 420;
const ROW = 20;

/** Biggest gain first; of many those in the middle, which neither gain nor lose, are left out and counted. */
export function gainPicture(statements: readonly StatementVerdict[], texts: Readonly<Record<string, string>>): Html {
  if (statements.length === 0) return html`<p class="legend">No statement was measured.</p>`;
  const sorted = statements.toSorted((a, b) => a.ratio - b.ratio);
  const changed = sorted.filter(({ judged }) => judged !== 'same');
  const shown = sorted.length <= SHOWN ? sorted : changed.slice(0, SHOWN);
  const scale = Math.max(1.2, ...shown.map(({ high }) => Math.min(high, 3)));
  const left = sorted.length - shown.length;
  return html`<ol class="gains">${shown.map((each) => row(each, texts[each.statement] ?? each.statement, scale))}</ol>
<p class="legend">Executed time with the change against without it; the bar is the 95 % interval, the line 100 %.${left === 0 ? '' : ` ${left} more are not drawn.`}</p>`;
}

function row(each: StatementVerdict, text: string, scale: number): Html {
  const at = (ratio: number) => (Math.min(ratio, scale) / scale) * WIDTH;
  const [low, high] = [at(each.low), at(each.high)];
  return html`<li class="${each.judged}"><span class="text mono" title="${text}">${text}</span>
<svg viewBox="0 0 ${WIDTH} ${ROW}" preserveAspectRatio="none" role="img" aria-label="${percent(each.ratio)} % of the time before, ${each.judged}"><line class="one" x1="${px(at(1))}" x2="${px(at(1))}" y1="0" y2="${ROW}"/>
<line class="axis" x1="0" x2="${WIDTH}" y1="${ROW / 2}" y2="${ROW / 2}"/><rect class="interval" x="${px(low)}" y="${ROW / 2 - 3}" width="${px(Math.max(2, high - low))}" height="6"/><rect class="point" x="${px(Math.max(0, at(each.ratio) - 1.5))}" y="${ROW / 2 - 6}" width="3" height="12"/></svg>
<span class="num">${percent(each.ratio)} %</span><span class="judged">${each.judged}</span><span class="chip">${each.bindingSource}</span></li>`;
}
