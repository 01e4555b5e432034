/**
 * Five sets of TPC-H's 19 queries proven as a run proves its finalists: really built, executed side by side with none, each with its verdict
 * for every statement. By the step's own functions and a run's own limits.
 */

import { prepareUnits, type Unit } from '../../activities/optimizer/lab/execute.ts';
import { judgedExperiment } from '../../activities/optimizer/lab/judged.ts';
import { buildSet, dropSets } from '../../activities/optimizer/lab/sets.ts';
import { measureSets } from '../../activities/optimizer/lab/side-by-side.ts';
import { AssayError } from '../../domain/errors.ts';
import { distinctIndexes, indexText, setText } from '../../domain/optimizer/index-sql.ts';
import { defaultLimits } from '../../domain/optimizer/limits.ts';
import type { Interval } from '../../domain/optimizer/statistics.ts';
import { shown } from '../../domain/optimizer/verdict.ts';
import type { Benchmark, Figure } from '../benchmark.ts';
import { seconds } from '../pairs.ts';
import { quietIo } from '../site.ts';
import { OURS } from './executed-sets.ts';
import { keptOurs, type Ours } from './ours.ts';
import { onTpch, type TpchServer } from './server.ts';
import { tpchQueries } from './tpch.ts';

const SETS = 5;
/** Decimal bytes at scale 1. */
const GIGABYTE = 1e9;
/** Searched for with wider budgets, some are larger than what they were asked for. */
const ROOMY = 4;
const GOAL_MS = 10 * 60_000;
/** Of the time for measuring, as the step has it; the rest is for choosing. */
const MEASURING = 0.4;

export const proving: Benchmark = {
  name: 'tpch-sets',
  about: 'five sets of TPC-H proven as a run proves them; named only, needs --tpch-ours with kept sets, about 10 min at 1.5 GB',
  isNamedOnly: true,
  run: (bench) => onTpch(bench, proven),
};

async function proven({ bench, client, folder, scale }: TpchServer): Promise<readonly Figure[]> {
  const kept = await keptOurs(bench.options.tpchOurs, nothingKept);
  const sets = setsOf(kept).slice(0, SETS);
  const budgetBytes = ROOMY * GIGABYTE * scale;
  const began = performance.now();
  const built = await buildSet(client, distinctIndexes(sets.flat()), quietIo());
  const builtMs = performance.now() - began;
  bench.tell(`${built.length} indexes of ${sets.length} sets are built after ${seconds(builtMs)}`);
  const units: Unit[] = [];
  for (const [number, bound] of tpchQueries(folder).entries()) units.push(...(await prepareUnits(client, bound, number)));
  const session = { client, io: quietIo(), statementTimeoutMs: defaultLimits.statementTimeoutMs };
  const { repeats, measureMs } = defaultLimits;
  const ofSets = sets.map((set) => built.filter(({ index }) => set.some((other) => indexText(other) === indexText(index))));
  const measured = await measureSets(session, units, { built, sets: ofSets, isWarm: false, rounds: { repeats, untilMs: Date.now() + MEASURING * measureMs } });
  const judged = measured.map((times, place) =>
    judgedExperiment(times, { id: String(place), proof: '', built: ofSets[place] ?? [], places: null, limits: { ...defaultLimits, budgetBytes } }),
  );
  const provenMs = performance.now() - began;
  const ratios = judged.map(({ experiment }) => experiment.total);
  bench.tell(`proven after ${seconds(provenMs)}: ${judged.map(({ decision }, place) => `${decision.verdict} ${shown(ratios[place] as Interval)}`).join(', ')}`);
  await dropSets(client);
  const reached = provenMs <= GOAL_MS ? ('yes' as const) : ('no' as const);
  const verdicts = judged.filter(({ decision }) => decision.verdict === 'accepted').length;
  return [
    {
      name: `${sets.length} sets proven`,
      measured: seconds(provenMs),
      goal: '≤ 600 s',
      judged: scale >= 1 && sets.length === SETS ? { reached, certain: true } : null,
      remark: `${built.length} indexes built in ${seconds(builtMs)}; ${verdicts} accepted; ${ratios.map((each) => each.ratio.toFixed(3)).join(', ')} of the time`,
      samples: { builtMs: [builtMs], provenMs: [provenMs], ratios: ratios.map(({ ratio }) => ratio) },
    },
  ];
}

/** Of a gigabyte, what execution chose, and then what the searches found. */
function setsOf(kept: ReadonlyMap<string, Ours>): readonly Ours['indexes'][] {
  const { indexes, finalists } = kept.get(OURS.gigabyte) ?? { indexes: [], finalists: [] };
  return distinctSets([indexes, ...finalists, ...[...kept.values()].flatMap((each) => each.finalists)]).filter((set) => set.length > 0);
}

const distinctSets = (sets: readonly Ours['indexes'][]) => [...new Map(sets.map((set) => [setText(set), set])).values()];

function nothingKept(): never {
  throw new AssayError('usage', { reason: 'no sets are kept', hint: 'name their file: --tpch-ours bench/optimizer/tpch-ours.json' });
}
