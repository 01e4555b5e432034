/** The verdict as a seal: shape, colour, sign and words all say it, so that it survives a grey printer and colour blindness. */
import type { CertificateBody } from '../../../../domain/backup/certificate-schema.ts';
import { type Html, html, px } from '../../../../domain/html.ts';
import { rosette } from './guilloche.ts';

const CENTRE = 110;

export function seal(verdict: CertificateBody['verdict'], hash: string): Html {
  const words = sealWords(verdict);
  const ring = `${words.ring} · `.repeat(words.times);
  return html`<svg class="seal" viewBox="0 0 220 220" role="img" aria-label="Verdict: ${words.title}">
<defs><path id="ring" d="M110 110 m-86 0 a86 86 0 1 1 172 0 a86 86 0 1 1 -172 0"/></defs>
${edge(verdict.outcome)}
<circle cx="110" cy="110" r="97" class="seal-line"/><circle cx="110" cy="110" r="77" class="seal-line"/>
<text class="seal-ring"><textPath href="#ring" textLength="532" lengthAdjust="spacing">${ring}</textPath></text>
${rosette(hash, [CENTRE, CENTRE], [46, 75])}
<circle cx="110" cy="110" r="49" class="seal-heart"/>
${sign(verdict.outcome)}
<text x="110" y="${verdict.outcome === 'inconclusive' ? 140 : 141}" class="seal-word ${words.word.length > 8 ? 'long' : 'short'}">${words.word}</text>
</svg>`;
}

export function sealWords(verdict: CertificateBody['verdict']): {
  readonly title: string;
  readonly word: string;
  readonly ring: string;
  readonly times: number;
} {
  switch (verdict.outcome) {
    case 'proven':
      return verdict.level === 'content'
        ? { title: 'Proven', word: 'PROVEN', ring: 'RESTORED · STARTED · CHECKED · CONTENT EQUAL', times: 1 }
        : { title: 'Proven in structure', word: 'STRUCTURE', ring: 'RESTORED · STARTED · CHECKED · CONTENT NOT COMPARED', times: 1 };
    case 'failed':
      return { title: 'Failed', word: 'FAILED', ring: 'A FAULT WAS FOUND · DO NOT RELY ON THIS BACKUP', times: 1 };
    case 'inconclusive':
      return { title: 'Inconclusive', word: 'NOT PROVEN', ring: 'THE TEST COULD NOT BE MADE · NOTHING IS PROVEN', times: 1 };
  }
}

/** Scalloped for proven, an octagon for failed, a broken ring for inconclusive. */
function edge(outcome: CertificateBody['verdict']['outcome']): Html {
  if (outcome === 'failed') return html`<path class="seal-edge" d="${polygon(8, 108, Math.PI / 8)}"/>`;
  if (outcome === 'inconclusive') return html`<circle class="seal-edge broken" cx="110" cy="110" r="104"/>`;
  const points = Array.from({ length: 288 }, (_, step) => {
    const angle = (step / 288) * 2 * Math.PI;
    return point(104.5 + 3.2 * Math.cos(36 * angle), angle);
  });
  return html`<path class="seal-edge" d="M${points.join('L')}Z"/>`;
}

const polygon = (corners: number, radius: number, turn: number) =>
  `M${Array.from({ length: corners }, (_, corner) => point(radius, turn + (corner / corners) * 2 * Math.PI)).join('L')}Z`;

const point = (radius: number, angle: number) => `${px(CENTRE + radius * Math.cos(angle))} ${px(CENTRE + radius * Math.sin(angle))}`;

function sign(outcome: CertificateBody['verdict']['outcome']): Html {
  switch (outcome) {
    case 'proven':
      return html`<path class="seal-sign" d="M88 104 l15 15 l30 -36"/>`;
    case 'failed':
      return html`<path class="seal-sign" d="M94 82 l32 32 M126 82 l-32 32"/>`;
    case 'inconclusive':
      return html`<path class="seal-sign" d="M97 88 a14 14 0 1 1 20 12 q-7 4 -7 11 M110 121.5 v.5"/>`;
  }
}
