/** What every page of the optimizer shares: one sheet that needs nothing but itself, no script, no request. The look is that of a certificate. */
import { readFileSync } from 'node:fs';
import { type Html, html } from '../../domain/html.ts';

const NOTHING_FROM_OUTSIDE = "default-src 'none'; style-src 'unsafe-inline'";

/** What certificates are printed on, too. */
const PAPER = '../../domain/paper.css';

interface Sheet {
  readonly title: string;
  /** Files beside this one, after `sheet.css`. */
  readonly styles: readonly string[];
  readonly body: Html;
}

/** The whole document. */
export function sheet({ title, styles, body }: Sheet): string {
  const style = [PAPER, 'sheet.css', ...styles].map((name) => readFileSync(new URL(name, import.meta.url), 'utf8').replaceAll(/\s*\n\s*/g, ' ')).join('\n');
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${NOTHING_FROM_OUTSIDE}"><meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${{ html: style }}</style></head>
<body><main class="sheet">${body}</main></body></html>
`.html;
}

/** SQL with its line feeds; each line is escaped. */
export const code = (text: string): Html => html`<pre class="mono">${text.split('\n').map((line, at) => html`${at === 0 ? '' : { html: '\n' }}${line}`)}</pre>`;
