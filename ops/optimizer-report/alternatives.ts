/** Ways to make one statement faster, side by side: what each leaves, takes and costs those who write, and which is preferred. */
import { type Html, html } from '../../domain/html.ts';
import { type WayRow, wayRows } from '../../domain/optimizer/alternative-words.ts';
import type { Alternatives } from '../../domain/optimizer/alternatives.ts';

/** Nothing where no statement has a choice. */
export function alternativesSection(all: readonly Alternatives[], texts: Readonly<Record<string, string>>): Html {
  if (all.length === 0) return html``;
  return html`<section class="long"><h2>Alternatives</h2>${all.map((each) => one(each, texts))}</section>`;
}

const one = (alternatives: Alternatives, texts: Readonly<Record<string, string>>): Html =>
  html`<div class="ways"><p class="mono">${texts[alternatives.statement] ?? alternatives.statement}</p>
<table><thead><tr><th>way</th><th>time left</th><th>cost</th><th>writes</th><th></th></tr></thead><tbody>${wayRows(alternatives).map(row)}</tbody></table>
<p class="legend">Preferred is ${alternatives.because}.</p></div>`;

const row = ({ isPreferred, way, left, cost, writes, standing, what }: WayRow): Html =>
  html`<tr${isPreferred ? { html: ' class="preferred"' } : ''}><td>${way}<span class="mono">${what.join(' ')}</span></td><td>${left}</td><td>${cost}</td><td>${writes}</td><td>${standing}</td></tr>`;
