/** A recommendation as one page for whoever has to approve it: what was measured for each statement, what each index costs and earns, the SQL. */
import { type Html, html } from '../../domain/html.ts';
import type { RecommendationRecord } from '../../domain/optimizer/decision.ts';
import { count, ms, percent, size, withTexts } from '../../domain/optimizer/finding-words.ts';
import { sayMadeUp } from '../../domain/optimizer/made-up-values.ts';
import {
  bytesBeside,
  freedBytes,
  indexesBeside,
  isAdvised,
  kindOf,
  newBytes,
  type Recommendation,
  type RecommendedIndex,
  recommendationSql,
  undoSql,
} from '../../domain/optimizer/recommendation.ts';
import type { StatementPlans } from '../../domain/optimizer/statement-plans.ts';
import type { Interval } from '../../domain/optimizer/statistics.ts';
import type { TriedSet } from '../../domain/optimizer/tried-set.ts';
import { alternativesSection } from './alternatives.ts';
import { decisions } from './decisions.ts';
import { gainPicture } from './gain-picture.ts';
import { planPairs } from './plan-pairs.ts';
import { setsPicture } from './sets-picture.ts';
import { code, sheet } from './sheet.ts';
import { worthPicture } from './worth-picture.ts';

/** All that the page shows. */
export interface RecommendationSheet extends RecommendationRecord {
  /** None of a recommendation of an earlier version. */
  readonly plans: readonly StatementPlans[];
  /** Every set that its run measured, itself among them; empty where it is about indexes that are there. */
  readonly tried: readonly TriedSet[];
}

export function recommendationPage({ plans, tried, ...record }: RecommendationSheet): string {
  const { recommendation } = record;
  const { id, cluster, database, state, backup, experiment, decision, texts, createdAt } = recommendation;
  const madeUp = sayMadeUp(experiment.statements, recommendation.capturesValues);
  const reasons = [...decision.because, ...(madeUp === null ? [] : [madeUp])];
  const body = html`<header><p class="over"><b>Assay</b> · Recommendation</p><h1>${cluster}/${database}</h1>
<p class="place"><span class="chip state-${state}">${state}</span> ${id} · made ${createdAt.slice(0, 19).replace('T', ' ')} UTC</p><p class="claim">${claim(recommendation)}</p></header>
${figures(recommendation)}
${reasons.length === 0 ? '' : html`<ul class="because">${reasons.map((sentence) => html`<li>${withTexts(sentence, texts)}</li>`)}</ul>`}
<section class="long"><h2>What each statement gains</h2>${gainPicture(experiment.statements, texts)}</section>
${plans.length === 0 ? '' : html`<section class="long"><h2>Plans before and after</h2>${planPairs({ plans, verdicts: experiment.statements, texts })}</section>`}
${setsPicture({ sets: tried, chosen: experiment.id, texts })}
${alternativesSection(record.alternatives ?? [], texts)}
<section><h2>What each change costs and earns</h2>${worthPicture(recommendation)}</section>
<section><h2>${state === 'proposed' ? 'How to decide' : 'What became of it'}</h2>${decisions(record)}</section>
<section class="long"><h2>The change</h2>${code(recommendationSql(recommendation).trimEnd())}</section>
<section><h2>The way back</h2>${code(undoSql(recommendation).trimEnd())}</section>
<section><h2>What this does not show</h2><ul class="limits">${LIMITS.map((sentence) => html`<li>${sentence}</li>`)}</ul></section>
<footer>Experiment <span class="mono">${experiment.id}</span> on a restored copy of backup <span class="mono">${backup}</span>, proof <span class="mono">${experiment.proofId}</span>.</footer>`;
  return sheet({ title: `Recommendation ${id}: ${cluster}/${database}`, styles: ['plan.css', 'recommendation.css'], body });
}

const LIMITS = [
  'One statement ran at a time, on a quiet copy with warm caches: no locks, no concurrency. The ratio holds, not the milliseconds.',
  'Values marked synthetic were drawn from statistics, not sent by an application.',
  'Triggers and foreign keys do not fire on the copy.',
];

function claim({ experiment: { total }, indexes }: Recommendation): Html {
  if (indexes.every(({ kind }) => kind === 'rewrite'))
    return html`Another text of one statement${withIndexes(indexes)} brings its executed time to <strong>${percent(total.ratio)} %</strong> of what it was, with the same rows, on a restored copy.`;
  if (indexes.every(({ kind }) => kind === 'setting'))
    return html`Settings for single statements bring the executed time of this workload to <strong>${percent(total.ratio)} %</strong> of what it is with all else that their run recommends, on a restored copy.`;
  const isNew = indexes.every((change) => kindOf(change) === 'create-index');
  const noun = isNew ? ['index', 'indexes'] : ['change', 'changes'];
  const many = indexes.length === 1 ? `One ${noun[0]}` : `${indexes.length} ${noun[1]}`;
  const one = indexes.length === 1 ? 's' : '';
  const left = html`<strong>${percent(total.ratio)} %</strong> of what it was, measured on a restored copy.`;
  const isTidying = indexes.every((change) => ['drop-index', 'reindex'].includes(kindOf(change)));
  if (!isTidying) return html`${many} bring${one} the executed time of this workload to ${left}`;
  return html`${many} free${one} <strong>${size(freedBytes(indexes))}</strong>; the executed time of this workload is ${left}`;
}

/** Those that the text needs. */
function withIndexes(changes: Recommendation['indexes']): string {
  const count = indexesBeside(changes).length;
  return count === 0 ? '' : `, together with ${count === 1 ? 'one new index' : `${count} new indexes`},`;
}

function figures({ experiment: { total, statements }, indexes }: Recommendation): Html {
  const counted = (judged: string) => statements.filter((each) => each.judged === judged).length;
  const built = indexes.filter((change) => kindOf(change) === 'create-index').length;
  const freed = freedBytes(indexes);
  const buildMs = indexes.reduce((sum, each) => sum + each.buildMs, 0);
  const slower = counted('slower');
  return html`<dl class="figures"><div><dt>Time left</dt><dd>${percent(total.ratio)} %<small>${interval(total)}, each statement weighted by its calls</small></dd></div>
<div><dt>Statements</dt><dd>${counted('faster')} faster<small>${counted('same')} the same, <b class="${slower === 0 ? 'met' : 'bad'}">${slower} slower</b></small></dd></div>
${
  indexes.every((change) => isAdvised(kindOf(change)))
    ? advised(indexes)
    : html`<div><dt>Size</dt>${roomOf(indexes, built, freed)}</div>
<div><dt>Build</dt><dd>${ms(buildMs)}<small>on the copy, without CONCURRENTLY</small></dd></div>`
}</dl>`;
}

/** Where nothing is built there is no size: of removals what they free, of statistics none to speak of. */
function roomOf(indexes: readonly RecommendedIndex[], built: number, freed: number): Html {
  if (built > 0) return html`<dd>${size(newBytes(indexes))}<small>really, ${count(built)} built${freed === 0 ? '' : `; ${size(freed)} freed`}</small></dd>`;
  return freed > 0 ? html`<dd>${size(freed)}<small>freed</small></dd>` : html`<dd>none<small>statistics are a row of the catalogue</small></dd>`;
}

/** Assay builds nothing; what another text needs is made by hand. */
function advised(indexes: readonly RecommendedIndex[]): Html {
  const own = bytesBeside(indexes);
  const ownMs = indexesBeside(indexes).reduce((sum, { buildMs }) => sum + buildMs, 0);
  if (own > 0)
    return html`<div><dt>Size</dt><dd>${size(own)}<small>really, of its own indexes</small></dd></div>
<div><dt>Build</dt><dd>${ms(ownMs)}<small>on the copy, without CONCURRENTLY; to be made by hand, then the application changes</small></dd></div>`;
  const memory = Math.max(0, ...indexes.map((change) => (change.kind === 'setting' ? (change.advice.memory?.executionBytes ?? 0) : 0)));
  return html`<div><dt>Memory</dt><dd>${memory === 0 ? 'none' : size(memory)}<small>${memory === 0 ? 'beyond what it takes today' : 'an execution may take it at most'}</small></dd></div>
<div><dt>Build</dt><dd>nothing<small>the application is what changes</small></dd></div>`;
}

const interval = ({ low, high }: Interval): string => `95 %: ${percent(low)} to ${percent(high)} %`;
