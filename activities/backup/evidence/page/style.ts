/** The look of the page: paper, ink and one colour for the verdict; dark on a dark screen, always light on paper. */
import { readFileSync } from 'node:fs';

/** The paper is the one that other pages are printed on, too. */
const sheets = ['../../../../domain/paper.css', './sheet.css', './lists.css', './pictures.css', './screens.css'];

/** Inline style sheet. Kept as CSS in files of its own so that editors and reviewers read it as CSS. */
export const style = sheets.map((name) => readFileSync(new URL(name, import.meta.url), 'utf8').replaceAll(/\s*\n\s*/g, ' ')).join('\n');
