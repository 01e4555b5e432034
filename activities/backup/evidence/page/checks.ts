/** Every check that was made, in the order it was made, with a sign that can be read without colour. */

import type { CertificateBody } from '../../../../domain/backup/certificate-schema.ts';
import { sayDuration } from '../../../../domain/backup/certificate-words.ts';
import { type Html, html } from '../../../../domain/html.ts';

type Check = CertificateBody['checks'][number];

const SENTENCES = 4;

const SIGNS: Record<Check['outcome'], { readonly path: string; readonly word: string }> = {
  passed: { path: 'M5 10.5l3.4 3.4L15 7', word: 'passed' },
  failed: { path: 'M6 6l8 8M14 6l-8 8', word: 'failed' },
  finding: { path: 'M10 5v6.5M10 14.6v.2', word: 'finding' },
  unusable: { path: 'M7.2 7.6a2.9 2.9 0 1 1 4.3 2.5q-1.5.9-1.5 2M10 15v.1', word: 'could not be made' },
  'not-applicable': { path: 'M6 10h8', word: 'nothing to test' },
};

export function checkList(checks: readonly Check[]): Html {
  if (checks.length === 0) return html`<p class="legend">No check was made.</p>`;
  return html`<ol class="checks">${checks.map(row)}</ol>`;
}

function row(check: Check): Html {
  const { path, word } = SIGNS[check.outcome];
  const [first, ...rest] = check.because;
  const more = rest.length - SENTENCES;
  return html`<li class="${check.outcome}"><svg viewBox="0 0 20 20" role="img" aria-label="${word}"><circle cx="10" cy="10" r="9"/><path d="${path}"/></svg>
<div><p><b>${check.name.replaceAll('-', ' ')}</b>${check.database === null ? '' : html` <span class="mono chip">${check.database}</span>`}${check.outcome === 'passed' ? '' : html` <span class="word">${word}</span>`}${check.cause === null ? '' : html` <span class="word">· ${check.cause.replaceAll('-', ' ')}</span>`}</p>
${first === undefined ? '' : html`<p class="why">${first}</p>`}${rest.slice(0, SENTENCES).map((sentence) => html`<p class="why">${sentence}</p>`)}${more > 0 ? html`<p class="why">and ${more} more, in the JSON document</p>` : ''}</div>
<span class="took">${check.tookMs > 0 ? sayDuration(check.tookMs) : ''}</span></li>`;
}
