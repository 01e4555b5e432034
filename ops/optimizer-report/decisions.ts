/** What became of a recommendation, and how to decide on it. */
import { type Html, html } from '../../domain/html.ts';
import type { HistoryEntry, RecommendationRecord } from '../../domain/optimizer/decision.ts';
import type { RecommendationState } from '../../domain/optimizer/model.ts';
import { isAdvised, kindOf } from '../../domain/optimizer/recommendation.ts';
import { code } from './sheet.ts';

export function decisions({ recommendation: { id, state, indexes }, digest, history }: RecommendationRecord): Html {
  const isAdvice = indexes.map(kindOf).some(isAdvised);
  return html`${history.length < 2 ? '' : html`<ol class="history">${history.toReversed().map(event)}</ol>`}
${state === 'proposed' ? howToDecide(id, digest, isAdvice) : html`<p>${isAdvice && state === 'approved' ? 'It is approved, and the application’s to do: Assay does not.' : MEANS[state]}</p>`}
<p class="legend">Digest of the SQL, its undo and the evidence: <span class="mono digest">${digest}</span></p>`;
}

/** Why it was proposed is what the page begins with. */
const event = ({ at, state, by, because }: HistoryEntry): Html =>
  html`<li><span class="when">${at.slice(0, 19).replace('T', ' ')}</span><span class="chip state-${state}">${state}</span><span>${by === null ? '' : html`by <b>${by}</b>${because.length === 0 ? '' : ': '}`}${state === 'proposed' ? '' : because.join('; ')}</span></li>`;

const howToDecide = (id: string, digest: string, isAdvice: boolean): Html =>
  html`<p>Nobody has decided yet. A decision holds for exactly what this page shows: with another digest it is refused, and evidence that went stale is measured again.</p>
${code(`assay optimizer approve ${id} --digest ${digest}\nassay optimizer refuse ${id} --digest ${digest} --reason '…'`)}
<p class="legend">${isAdvice ? ADVICE : EITHER}</p>`;

const EITHER = html`Where the policy says <span class="mono">apply: sql</span> (the default) an approval is noted and the SQL goes into your own pipeline; where it says <span class="mono">apply: execute</span> Assay carries the change out, watches it, and takes it back if it does not hold.`;

const ADVICE =
  'This is advice for the application: an approval is noted, whatever the policy says, and keeps it from being proposed again; somebody has to change the application.';

/** What a state means for whoever reads the page. */
const MEANS: Readonly<Record<Exclude<RecommendationState, 'proposed'>, string>> = {
  approved: 'It is approved.',
  applying: 'It is approved and being carried out.',
  applied: 'It is carried out and being watched; nothing says yet whether it stays.',
  kept: 'It was carried out, watched, and stays.',
  'rolled-back': 'It was carried out, watched, and taken back.',
  refused: 'It was refused. The same idea comes back only with other evidence.',
  stale: 'It was approved, but its evidence did not hold any more: it is measured again.',
  superseded: 'A newer recommendation takes its place: it holds all of its changes, or was measured beside it and preferred.',
  expired: 'Nobody decided in time.',
  failed: 'It was approved and could not be carried out.',
};
