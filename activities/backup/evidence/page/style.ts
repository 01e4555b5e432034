/** The look of the page: paper, ink and one colour for the verdict; dark on a dark screen, always light on paper. */
import { readFileSync } from 'node:fs';

/** Inline style sheet. Kept as CSS in its own file so that editors and reviewers read it as CSS. */
export const style = readFileSync(new URL('./page.css', import.meta.url), 'utf8');
