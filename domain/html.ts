/** The one way text gets into a page of ours: escaped, whatever a table, a database or an error message is called. */

/** Markup that is safe as it stands. */
export interface Html {
  readonly html: string;
}

type Part = Html | string | number | null | undefined | false | readonly Part[];

/** Template tag: every value is escaped unless it is Html itself; null, undefined and false vanish. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: strings.reduce((text, string, at) => text + render(parts[at - 1]) + string) };
}

function render(part: Part): string {
  if (part === null || part === undefined || part === false) return '';
  if (typeof part === 'string' || typeof part === 'number') return escapeText(String(part));
  return isList(part) ? part.map(render).join('') : part.html;
}

const isList = (part: Html | readonly Part[]): part is readonly Part[] => Array.isArray(part);

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Control characters and those that turn the direction of writing: they could make the page say something else. */
const INVISIBLE = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

export function escapeText(text: string): string {
  const visible = text.replace(INVISIBLE, (char) =>
    char === '\n' || char === '\t' ? ' ' : `⟨U+${char.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}⟩`,
  );
  return visible.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? '');
}

/** At most so many characters, the middle left out: ends of labels are what tells them apart. */
export function shorten(text: string, length: number): string {
  const chars = [...text];
  if (chars.length <= length) return text;
  const head = Math.ceil((length - 1) / 2);
  return `${chars.slice(0, head).join('')}…${chars.slice(chars.length - (length - 1 - head)).join('')}`;
}

/** Coordinates with one decimal: enough for paper, small in the file. */
export const px = (value: number): string => String(Math.round(value * 10) / 10);
