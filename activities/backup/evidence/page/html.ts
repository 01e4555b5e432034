/** The one way text gets into the page. */
export { escapeText, type Html, html, px, shorten } from '../../../../domain/html.ts';
