/** How long a recovery took, phase by phase, and how it stands against the objectives. */

import type { CertificateBody, CertificateObjective } from '../../../../domain/backup/certificate-schema.ts';
import { sayDuration } from '../../../../domain/backup/certificate-words.ts';
import { type Html, html, px } from '../../../../domain/html.ts';

const WIDTH = 420;
const NAMES = { fetchMs: 'fetch', startMs: 'start', replayMs: 'replay' } as const;

export function recoveryTime(recovery: CertificateBody['recovery']): Html {
  const { phases } = recovery;
  if (phases === null) return html`<p class="legend">No recovery time was measured.</p>`;
  const parts = (Object.keys(NAMES) as (keyof typeof NAMES)[]).map((key) => ({ name: NAMES[key], ms: phases[key] }));
  const total = parts.reduce((sum, part) => sum + part.ms, 0);
  let x = 0;
  const bars = parts.map(({ name, ms }) => {
    const width = total === 0 ? 0 : (ms / total) * WIDTH;
    const bar = html`<rect class="phase ${name}" x="${px(x)}" y="0" width="${px(Math.max(1, width - 1.5))}" height="22"><title>${name}: ${sayDuration(ms)}</title></rect>`;
    x += width;
    return bar;
  });
  return html`<svg class="bars" viewBox="0 0 ${WIDTH} 22" role="img" aria-label="Recovery by phase"><g clip-path="inset(0 round 4px)">${bars}</g></svg>
<p class="legend phases">${parts.map(({ name, ms }) => html`<span><i class="dot ${name}"></i>${name} <b>${sayDuration(ms)}</b></span>`)}${phases.checkMs > 0 ? html`<span class="aside">then checks, ${sayDuration(phases.checkMs)}</span>` : ''}</p>
${recovery.honest === true ? '' : html`<p class="legend warn">Measured without fsync: a real recovery is slower.</p>`}${gauge('Recovery time', recovery.rto)}`;
}

export function recoveryPoint(recovery: CertificateBody['recovery']): Html {
  const { newestWitness } = recovery;
  const words =
    newestWitness === null
      ? html`<p class="legend">No witness came back, so no recovery point was measured.</p>`
      : html`<p class="legend">Witness <span class="mono">${newestWitness.id}</span>, written at <span class="mono">${newestWitness.lsn}</span>, nonce <span class="mono">${newestWitness.nonce}</span></p>`;
  return html`${gauge('Recovery point', recovery.rpo)}${words}`;
}

/** The measured time on a scale that holds the objective; beyond it the bar goes on in the colour of failure. */
function gauge(name: string, { objectiveMs, measuredMs, outcome }: CertificateObjective): Html {
  if (measuredMs === null) return html`<p class="legend">${name}: not measured${objectiveMs === null ? '' : `; objective ${sayDuration(objectiveMs)}`}.</p>`;
  const scale = Math.max(objectiveMs ?? 0, measuredMs, 1) * 1.08;
  const at = (ms: number) => (ms / scale) * WIDTH;
  const good = Math.min(measuredMs, objectiveMs ?? measuredMs);
  return html`<div class="gauge ${outcome}"><svg class="bars" viewBox="0 0 ${WIDTH} 26" role="img" aria-label="${name} against its objective">
<rect class="track" x="0" y="8" width="${WIDTH}" height="10" rx="5"/><rect class="reading" x="0" y="8" width="${px(Math.max(4, at(good)))}" height="10" rx="5"/>
${measuredMs > good ? html`<rect class="excess" x="${px(at(good))}" y="8" width="${px(at(measuredMs) - at(good))}" height="10"/>` : ''}
${objectiveMs === null ? '' : html`<line class="mark" x1="${px(at(objectiveMs))}" x2="${px(at(objectiveMs))}" y1="2" y2="24"/>`}</svg>
<p class="legend"><b>${sayDuration(measuredMs)}</b>${objectiveMs === null ? ' · no objective set' : html` of ${sayDuration(objectiveMs)} allowed · <b class="outcome">${outcome}</b>`}</p></div>`;
}
