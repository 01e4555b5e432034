/**
 * A plan as a tree for a terminal: a bar for what each node took by itself (time where it was measured, planner cost otherwise),
 * its conditions and what was found below it. As wide as the terminal, never wider.
 */
import type { Finding } from '../../domain/optimizer/finding.ts';
import { ms, sayFinding } from '../../domain/optimizer/finding-words.ts';
import { type Explained, nodesOf, type PlanNode } from '../../domain/optimizer/plan.ts';
import { type NodeShare, shareOf, sharesOf } from '../../domain/optimizer/plan-shares.ts';
import { sayPart, sayRows, sayTarget, sayType } from '../../domain/optimizer/plan-words.ts';
import { type Paint, plain } from './paint.ts';

/** Narrower than this a tree cannot be drawn; wider than that the eye loses the line. */
const NARROWEST = 48;
const WIDEST = 160;
const BAR = 10;
/** Columns right of the tree: bar, share, self. Rows stand there only where there is room. */
const SHARE = 6;
const SELF = 10;
const ROWS = 22;
const ROOM_FOR_ROWS = 96;

/** The whole text, line feeds included. Names and conditions that would steer the terminal are made harmless. */
export function planText(plan: Explained, findings: readonly Finding[], paint: Paint): string {
  const columns = Math.min(WIDEST, Math.max(NARROWEST, paint.columns));
  const view: View = { paint, columns, shares: sharesOf(plan.root), findings, hasRows: columns >= ROOM_FOR_ROWS };
  const whole = findings.filter(({ nodeId }) => nodeId === null).flatMap((finding) => findingLines(finding, '', view));
  return `${[...headlines(plan, findings, view), ...whole, '', ...nodeLines(plan.root, { own: '', below: '' }, view)].join('\n')}\n`;
}

interface View {
  readonly paint: Paint;
  readonly columns: number;
  readonly shares: readonly NodeShare[];
  readonly findings: readonly Finding[];
  readonly hasRows: boolean;
}

/** What stands before a node's own line, and before every line below it. */
interface Branch {
  readonly own: string;
  readonly below: string;
}

/** In one line where that fits. */
function headlines({ root, planningMs, executionMs }: Explained, findings: readonly Finding[], { paint, columns }: View): string[] {
  const took =
    executionMs === null
      ? `cost ${root.estimate.totalCost}, not executed`
      : `executed in ${ms(executionMs)}${planningMs === null ? '' : `, planned in ${ms(planningMs)}`}`;
  const count = nodesOf(root).length;
  const nodes = `${count} node${count === 1 ? '' : 's'} · `;
  const found = findings.length === 0 ? 'nothing found' : `${findings.length} finding${findings.length === 1 ? '' : 's'}`;
  const painted = nodes + (findings.length === 0 ? paint.good(found) : paint.doubt(found));
  return took.length + 3 + nodes.length + found.length <= columns ? [`${paint.strong(took)} · ${painted}`] : [paint.strong(took), painted];
}

function nodeLines(node: PlanNode, { own, below }: Branch, view: View): string[] {
  const hasChildren = node.children.length > 0;
  const indent = `${below}${hasChildren ? '│ ' : '  '}`;
  const found = view.findings.filter(({ nodeId }) => nodeId === node.id);
  return [
    firstLine(node, own, view),
    ...node.expressions.flatMap(({ name, text }) => wrapped(`${name}: ${plain(text)}`, indent, view).map((line) => view.paint.dim(line))),
    ...found.flatMap((finding) => findingLines(finding, indent, view)),
    ...node.children.flatMap((child, at) => {
      const isLast = at === node.children.length - 1;
      return nodeLines(child, { own: `${below}${isLast ? '└─' : '├─'}`, below: `${below}${isLast ? '  ' : '│ '}` }, view);
    }),
  ];
}

function firstLine(node: PlanNode, own: string, view: View): string {
  const { paint, columns, hasRows } = view;
  const share = view.shares[node.id];
  const part = share === undefined ? 0 : shareOf(share);
  const self = share === undefined ? '' : share.ms === null ? `cost ${Math.round(share.cost)}` : ms(share.ms);
  const name = [node.subplan === null ? '' : `${plain(node.subplan)}: `, sayType(node), ' ', plain(sayTarget(node))].join('').trimEnd();
  const room = columns - BAR - SHARE - SELF - 3 - (hasRows ? ROWS + 1 : 0);
  const label = fitted(`${own}${name}`, room);
  const tone = part >= 0.5 ? paint.bad : part >= 0.2 ? paint.doubt : paint.dim;
  const rows = hasRows ? ` ${paint.dim(fitted(sayRows(node), ROWS).trimEnd())}` : '';
  return `${label} ${tone(bar(part))} ${paint.strong(sayPart(part).padStart(SHARE))} ${self.padStart(SELF)}${rows}`.trimEnd();
}

function findingLines(finding: Finding, indent: string, view: View): string[] {
  const { title, says, wayOut } = sayFinding(finding);
  const [first = '', ...more] = wrapped(`${title}: ${plain(says)}; try ${plain(wayOut)}`, `${indent}  `, view);
  const text = first.slice(indent.length + 2);
  return [`${indent}${view.paint.doubt('!')} ${view.paint.doubt(text.slice(0, title.length))}${text.slice(title.length)}`, ...more];
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A tenth of the width for each tenth; a node that took anything shows at least a sliver. */
function bar(share: number): string {
  const eighths = Math.min(BAR * 8, Math.max(share > 0 ? 1 : 0, Math.round(share * BAR * 8)));
  return `${'█'.repeat(Math.floor(eighths / 8))}${EIGHTHS[eighths % 8] ?? ''}`.padEnd(BAR, '·');
}

/** Exactly so many characters; the end is what is given up. */
function fitted(text: string, width: number): string {
  const chars = [...text];
  return chars.length <= width ? text.padEnd(width - chars.length + text.length) : `${chars.slice(0, width - 1).join('')}…`;
}

/** Broken at spaces; a word that is wider than the line is broken anywhere. */
function wrapped(text: string, indent: string, { columns }: View): string[] {
  const room = Math.max(20, columns - indent.length);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').flatMap((each) => pieces(each, room))) {
    if (line !== '' && [...line].length + 1 + [...word].length > room) {
      lines.push(indent + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, indent + line];
}

const pieces = (word: string, room: number): string[] => {
  const chars = [...word];
  return Array.from({ length: Math.max(1, Math.ceil(chars.length / room)) }, (_, at) => chars.slice(at * room, (at + 1) * room).join(''));
};
