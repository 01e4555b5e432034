/** Ways to make one statement faster, side by side, and what a run says of settings. */
import { wayRows } from '../../domain/optimizer/alternative-words.ts';
import type { Alternatives } from '../../domain/optimizer/alternatives.ts';
import type { SettingsSummary } from '../../domain/optimizer/requests.ts';
import { type Paint, plain } from './paint.ts';
import { table } from './table.ts';

/** Nothing where no statement has a choice. */
export function alternativesText(all: readonly Alternatives[], texts: Readonly<Record<string, string>>, paint: Paint): string {
  return all.map((each) => `${oneText(each, texts, paint)}\n`).join('');
}

function oneText(alternatives: Alternatives, texts: Readonly<Record<string, string>>, paint: Paint): string {
  const { statement, because } = alternatives;
  const rows = wayRows(alternatives).map(({ isPreferred, way, left, cost, writes, standing }) => [
    isPreferred ? paint.good('preferred') : '',
    way,
    left,
    cost,
    writes,
    plain(standing),
  ]);
  const whats = wayRows(alternatives).map(({ way, what }) => `  ${paint.dim(`${way}:`)} ${what.map(plain).join(' ')}\n`);
  const text = plain(texts[statement] ?? statement)
    .replaceAll(/\s+/g, ' ')
    .trim();
  const head = `${paint.strong('Alternatives for one statement:')} ${text.length > paint.columns - 40 ? `${text.slice(0, Math.max(20, paint.columns - 41))}…` : text}`;
  return `${head}\n${table(['', 'WAY', 'TIME LEFT', 'COST', 'WRITES', ''], rows, paint)}\n  · preferred is ${plain(because)}\n${whats.join('')}`;
}

/** Beside a run's own; nothing where an earlier version made the result. */
export function settingsLines(settings: SettingsSummary | undefined, paint: Paint): string {
  if (settings === undefined) return '';
  const { asked, tried, recommendation, because } = settings;
  const recommended = settings.recommendations ?? (recommendation === null ? [] : [recommendation]);
  if (asked === 0) return '';
  const count = asked === null ? 'not looked at' : `tried for ${tried}`;
  const head = `\n${paint.strong('Settings for single statements:')} ${count}\n${because.map((each) => `  · ${plain(each)}\n`).join('')}`;
  return head + recommended.map((id) => `${paint.good('Recommendation')} ${id}\n  see it with: assay optimizer show ${id}\n`).join('');
}
