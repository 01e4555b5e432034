/** The fine line pattern of banknotes, drawn from the document's hash: another document has another pattern. */
import { type Html, html, px } from '../../../../domain/html.ts';

/** Small numbers 0-15 from the hash, one a call, round and round. */
function digits(hash: string): () => number {
  const hex = hash.replace(/^sha256:/, '');
  let at = 0;
  return () => {
    const digit = Number.parseInt(hex[at % hex.length] ?? '0', 16);
    at += 1;
    return Number.isNaN(digit) ? 0 : digit;
  };
}

/** Rings of overlapping waves around (cx, cy), between the two radii. */
export function rosette(hash: string, [cx, cy]: readonly [number, number], [inner, outer]: readonly [number, number]): Html {
  const next = digits(hash);
  const middle = (inner + outer) / 2;
  const swing = (outer - inner) / 2;
  const petals = 10 + next();
  const second = petals + 3 + (next() % 5);
  const strands = [0, 1, 2, 3, 4, 5].map((strand) => {
    const phase = (strand * Math.PI) / 3;
    const points = Array.from({ length: 361 }, (_, degree) => {
      const angle = (degree * Math.PI) / 180;
      const radius = middle + swing * (0.72 * Math.sin(petals * angle + phase) + 0.28 * Math.sin(second * angle - phase));
      return `${px(cx + radius * Math.cos(angle))} ${px(cy + radius * Math.sin(angle))}`;
    });
    return html`<path d="M${points.join('L')}Z"/>`;
  });
  return html`<g class="guilloche">${strands}</g>`;
}

/** A band of waves as wide as the sheet. */
export function band(hash: string, width: number, height: number): Html {
  const next = digits(hash);
  const waves = 6 + (next() % 6);
  const ripple = waves * (2 + (next() % 3)) + 1;
  const strands = Array.from({ length: 7 }, (_, strand) => {
    const phase = (strand * 2 * Math.PI) / 7;
    const points = Array.from({ length: 241 }, (_, step) => {
      const turn = (step / 240) * 2 * Math.PI;
      const y = height / 2 + (height / 2 - 1) * (0.7 * Math.sin(waves * turn + phase) + 0.3 * Math.sin(ripple * turn - 2 * phase));
      return `${px((step / 240) * width)} ${px(y)}`;
    });
    return html`<path d="M${points.join('L')}"/>`;
  });
  return html`<svg class="band" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" aria-hidden="true"><g class="guilloche">${strands}</g></svg>`;
}
