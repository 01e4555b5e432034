/** Each index by what it takes and what it gives: how much room, and how much longer the workload takes without it. */
import { type Html, html, px } from '../../domain/html.ts';
import { ms, size, withTexts } from '../../domain/optimizer/finding-words.ts';
import { createIndexSql } from '../../domain/optimizer/index-sql.ts';
import { type IndexChange, kindOf, type Recommendation, type RecommendedIndex } from '../../domain/optimizer/recommendation.ts';
import { sayRewrite } from '../../domain/optimizer/rewrite.ts';
import { sayAdvice } from '../../domain/optimizer/setting.ts';
import { code } from './sheet.ts';

const WIDTH = 880;
const HEIGHT = 230;
const LEFT = 60;
const RIGHT = 30;
const TOP = 20;
const BOTTOM = 40;

/** A picture and a list; numbers in the picture are those of the list. */
export function worthPicture({ indexes, database, texts }: Pick<Recommendation, 'indexes' | 'database' | 'texts'>): Html {
  const measured = indexes.filter((change) => isNew(change) && change.leaveOneOut !== null);
  return html`${measured.length < 2 ? '' : picture(indexes)}<ol class="indexes">${indexes.map((change) => (isNew(change) ? newIndex(change) : otherChange(change, { database, texts })))}</ol>`;
}

const isNew = (change: RecommendedIndex): change is IndexChange => kindOf(change) === 'create-index';

const newIndex = ({ name, index, sizeBytes, buildMs, leaveOneOut }: IndexChange): Html =>
  html`<li><p class="mono">${createIndexSql(index, name, { concurrently: false })}</p><p class="legend">${size(sizeBytes)}, built in ${ms(buildMs)}${leaveOneOut === null ? '' : html`; without it the workload takes <b>${leaveOneOut.toFixed(2)} ×</b> as long`}</p></li>`;

function otherChange(change: RecommendedIndex, { database, texts }: Pick<Recommendation, 'database' | 'texts'>): Html {
  const { sql, sizeBytes, because, kind } = change;
  if (change.kind === 'rewrite') {
    const { before, after, indexes = [] } = change.rewrite;
    const made = indexes.length === 0 ? '' : html`<p class="legend">Indexes, to be made first</p>${indexes.map(({ sql: own }) => code(own))}`;
    const said = [...(because === undefined ? [] : [because]), ...sayRewrite(change.rewrite)].map((sentence) => html`<p class="legend">${sentence}</p>`);
    return html`<li><p class="legend">Before</p>${code(before)}<p class="legend">After</p>${code(after)}${made}${said}</li>`;
  }
  if (change.kind === 'setting') {
    const said = [...(because === undefined ? [] : [because]), ...sayAdvice(change.advice, database).map((sentence) => withTexts(sentence, texts))];
    return html`<li><p class="mono">${sql}</p>${said.map((sentence) => html`<p class="legend">${sentence}</p>`)}</li>`;
  }
  const words = [kind === 'create-statistics' ? 'statistics: next to no room' : `frees ${size(sizeBytes)}`, ...(because === undefined ? [] : [because])];
  return html`<li><p class="mono">${sql}</p><p class="legend">${words.join('; ')}</p></li>`;
}

function picture(indexes: readonly RecommendedIndex[]): Html {
  const drawn = indexes.filter(isNew);
  const largest = Math.max(1, ...drawn.map(({ sizeBytes }) => sizeBytes)) * 1.08;
  const most = Math.max(1.1, ...drawn.map(({ leaveOneOut }) => leaveOneOut ?? 1)) * 1.05;
  const x = (bytes: number) => LEFT + (bytes / largest) * (WIDTH - LEFT - RIGHT);
  const y = (worth: number) => HEIGHT - BOTTOM - ((Math.max(1, worth) - 1) / (most - 1)) * (HEIGHT - TOP - BOTTOM);
  const base = HEIGHT - BOTTOM;
  return html`<svg class="worth" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Indexes by their size and by what the workload takes without them">
<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${base}" y2="${base}"/><line class="axis" x1="${LEFT}" x2="${LEFT}" y1="${TOP}" y2="${base}"/>
<text class="axis-name" x="${WIDTH - RIGHT}" y="${HEIGHT - 8}" text-anchor="end">size, up to ${size(largest)}</text><text class="axis-name" x="${LEFT - 8}" y="${base + 4}" text-anchor="end">1 ×</text><text class="axis-name" x="${LEFT - 8}" y="${TOP + 8}" text-anchor="end">${most.toFixed(1)} ×</text>
<text class="axis-name" x="${LEFT + 8}" y="${TOP + 8}">time without it</text>
${indexes.map((change, at) => (change.leaveOneOut === null || !isNew(change) ? '' : html`<g class="mark"><title>${change.name}: ${size(change.sizeBytes)}, ${change.leaveOneOut.toFixed(2)} ×</title><circle cx="${px(x(change.sizeBytes))}" cy="${px(y(change.leaveOneOut))}" r="11"/><text x="${px(x(change.sizeBytes))}" y="${px(y(change.leaveOneOut) + 4)}" text-anchor="middle">${at + 1}</text></g>`))}</svg>
<p class="legend">High and left is good: much gained for little room.</p>`;
}
