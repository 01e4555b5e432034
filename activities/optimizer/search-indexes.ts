/** From bound statements to sets of indexes worth building: shapes by the parser, candidates by the domain, costs by what-if planning. */
import { type CandidateOptions, candidatesFor } from '../../domain/optimizer/candidates.ts';
import { TRIGRAMS } from '../../domain/optimizer/candidates-lab-only.ts';
import { indexSize } from '../../domain/optimizer/index-size.ts';
import { distinctIndexes, indexText, quoteRelation } from '../../domain/optimizer/index-sql.ts';
import { POOL_BUDGETS } from '../../domain/optimizer/limits.ts';
import type { Bound, IndexDefinition, OptimizerLimits, TableFacts } from '../../domain/optimizer/model.ts';
import { search } from '../../domain/optimizer/search.ts';
import type { FoundSet, SearchStatement } from '../../domain/optimizer/search-model.ts';
import type { StatementShape } from '../../domain/optimizer/statement-shape.ts';
import { type CountedWrite, upkeepOf } from '../../domain/optimizer/upkeep.ts';
import { statementShape } from './parse/shape.ts';
import type { WhatIf } from './what-if/what-if.ts';

export interface SearchQuestion {
  readonly bound: readonly Bound[];
  readonly facts: readonly TableFacts[];
  readonly whatIf: WhatIf;
  readonly limits: Pick<OptimizerLimits, 'budgetBytes' | 'searchMs' | 'maxStatements' | 'maxIndexesPerTable' | 'protectedTables'>;
  /** Milliseconds. */
  readonly now: () => number;
  /** As the literature counts: statements weigh by calls, nothing for upkeep or change. Default false. */
  readonly isRaw?: boolean;
  readonly candidates?: CandidateOptions;
  /** Sets to give at most; default 4. */
  readonly sets?: number;
  /** Of the indexes that what-if planning cannot judge those that can be built there, as they would be. Default: none that need an extension. */
  readonly buildable?: (indexes: readonly IndexDefinition[]) => Promise<readonly IndexDefinition[]>;
  /** Default 40,000 plans. */
  readonly maxPlans?: number;
}

export interface SearchAnswer {
  /** Best estimate first, at most four. */
  readonly sets: readonly FoundSet[];
  /** What a larger budget would buy besides: not to be recommended together, worth trying by execution one for another. */
  readonly wider: readonly IndexDefinition[];
  readonly explains: number;
  /** Statements that could not be planned, by id: they took no part. */
  readonly notPlanned: readonly string[];
}

/** What an index must save of the whole workload before it is worth a change at all. */
const CHANGE_SHARE = 0.0005;
/** Times the median. */
const OUTLIER = 20;
/** Estimates rank indexes badly where the budget is tight: those that so many budgets would buy are candidates still. */
const WIDER = 4;
/** With INCLUDE and without: executed, the narrow one often does as much. */
const WIDE_SETS = 2;
/** Indexes that only building can judge, at most so many in a set of their own. */
const LAB_ONLY = 4;

/** Nothing is executed. A statement that the planner refuses is left out and named. */
export async function searchIndexes(question: SearchQuestion): Promise<SearchAnswer> {
  const { facts, whatIf, limits } = question;
  const startedAt = question.now();
  const heaviest = question.bound.toSorted((a, b) => b.statement.totalMs - a.statement.totalMs).slice(0, limits.maxStatements);
  const { planned, notPlanned } = await plannable(heaviest, whatIf);
  const shapes = await Promise.all(planned.map(({ bound }) => statementShape(bound.text, facts, bound)));
  const open = facts.filter(({ table }) => !limits.protectedTables.includes(`${table.schema}.${table.relation}`));
  const candidates = shapes.map((shape) => candidatesFor(shape, open, question.candidates));
  const writes = planned.flatMap(({ bound }, place) => (shapes[place]?.writes ?? []).map((write): CountedWrite => ({ ...write, rows: bound.statement.rows })));
  const indexesFor = (place: number, isLabOnly: boolean) =>
    (candidates[place] ?? []).flatMap((each) => (each.kind === 'create-index' && each.isLabOnly === isLabOnly ? [each.index] : []));
  const weights = weightsOf(planned, question.isRaw ?? false);
  const statements = planned.map(
    (_, place): SearchStatement => ({ weight: weights[place] ?? 1, reads: readsOf(shapes[place]), candidates: indexesFor(place, false) }),
  );
  const changeCost = CHANGE_SHARE * typicalTotal(planned.map(({ cost }, place) => cost * (weights[place] ?? 1)));
  const isWidened = (question.sets ?? 4) > 1 && !question.isRaw;
  const problem = {
    statements,
    existing: facts.flatMap(({ indexes }) => indexes),
    oracle: {
      plan: (place: number, indexes: readonly IndexDefinition[]) => whatIf.plan((planned[place] as Planned).bound, indexes),
      size: (index: IndexDefinition) => whatIf.size(index),
    },
    limits: {
      ...limits,
      deadline: startedAt + limits.searchMs,
      maxPlans: question.maxPlans ?? 40_000,
      sets: question.sets ?? 4,
      ...(isWidened ? { wide: { budgetBytes: WIDER * limits.budgetBytes, sets: WIDE_SETS } } : {}),
    },
    upkeep: (index: IndexDefinition) => (question.isRaw ? 0 : upkeepOf(index, writes, facts) + changeCost),
    now: question.now,
  };
  const found = await search(problem);
  const withoutExtension = async (indexes: readonly IndexDefinition[]) =>
    indexes.filter(({ keys }) => keys.every(({ operatorClass }) => operatorClass !== TRIGRAMS));
  const labOnly = await (question.buildable ?? withoutExtension)(distinctIndexes(planned.flatMap((_, place) => indexesFor(place, true))));
  const sets = withLabOnly(found.sets, labOnly, question);
  const wide = sets.length > 0 ? found.wide : [];
  return { sets, wider: await withRoom({ sets, standIns: found.standIns, wide, whatIf, limits }), explains: whatIf.explains(), notPlanned };
}

interface Room {
  readonly sets: readonly FoundSet[];
  readonly standIns: readonly IndexDefinition[];
  readonly wide: readonly FoundSet[];
  readonly whatIf: WhatIf;
  readonly limits: SearchQuestion['limits'];
}

/** What no set holds, as far as the lab has room for it beside them: first what would take a member's place, then what only the wide ones hold; the smallest first, which are the most. */
async function withRoom({ sets, standIns, wide, whatIf, limits }: Room): Promise<readonly IndexDefinition[]> {
  const bytesOf = async (index: IndexDefinition) => ({ index, bytes: (await whatIf.size(index)) ?? Number.POSITIVE_INFINITY });
  const ordered = async (indexes: readonly IndexDefinition[]) => (await Promise.all(indexes.map(bytesOf))).toSorted((a, b) => a.bytes - b.bytes);
  const own = distinctIndexes(sets.flatMap(({ indexes }) => indexes));
  const known = new Set(own.map(indexText));
  const others = [...(await ordered(standIns)), ...(await ordered(distinctIndexes(wide.flatMap(({ indexes }) => indexes))))];
  // what the lab alone can judge has no estimate
  let room = POOL_BUDGETS * limits.budgetBytes;
  for (const { bytes } of await ordered(own)) room -= Number.isFinite(bytes) ? bytes : 0;
  return others.flatMap(({ index, bytes }) => {
    if (bytes > room || known.has(indexText(index))) return [];
    known.add(indexText(index));
    room -= bytes;
    return [index];
  });
}

interface Planned {
  readonly bound: Bound;
  /** Today. */
  readonly cost: number;
}

async function plannable(bounds: readonly Bound[], whatIf: WhatIf): Promise<{ readonly planned: readonly Planned[]; readonly notPlanned: readonly string[] }> {
  const planned: Planned[] = [];
  const notPlanned: string[] = [];
  for (const bound of bounds) {
    const plan = await whatIf.plan(bound, []).catch(() => null);
    if (plan === null) notPlanned.push(bound.statement.id);
    else planned.push({ bound, cost: plan.cost });
  }
  return { planned, notPlanned };
}

/** A statement weighs what it takes of the measured time: the planner tells how much of that an index saves. Without times, by calls. In cost units. */
function weightsOf(planned: readonly Planned[], isRaw: boolean): number[] {
  const calls = planned.map(({ bound }) => Math.max(1, bound.statement.calls));
  const totalMs = planned.reduce((sum, { bound }) => sum + bound.statement.totalMs, 0);
  if (isRaw || totalMs === 0 || planned.some(({ bound, cost }) => bound.statement.totalMs <= 0 || cost <= 0)) return calls;
  const totalCost = planned.reduce((sum, { cost }, place) => sum + cost * (calls[place] ?? 1), 0);
  return planned.map(({ bound, cost }) => ((bound.statement.totalMs / totalMs) * totalCost) / cost);
}

/** The workload's cost with outliers cut: one statement that takes a thousand times what the others do must not make every other gain look small. */
function typicalTotal(costs: readonly number[]): number {
  const median = costs.toSorted((a, b) => a - b)[Math.floor(costs.length / 2)] ?? 0;
  return costs.reduce((sum, cost) => sum + Math.min(cost, OUTLIER * median), 0);
}

function readsOf(shape: StatementShape | undefined): Map<string, ReadonlySet<string>> {
  const reads = new Map<string, Set<string>>();
  for (const { table, columns } of shape?.relations ?? []) {
    const name = quoteRelation(table);
    reads.set(name, new Set([...(reads.get(name) ?? []), ...columns]));
  }
  return reads;
}

/** The best set once more with what the planner cannot be asked about: only building it tells. Takes the place of the last where there are four. */
function withLabOnly(sets: readonly FoundSet[], labOnly: readonly IndexDefinition[], { facts, limits, sets: most = 4 }: SearchQuestion): readonly FoundSet[] {
  const best = sets[0] ?? { indexes: [], estimatedRatio: 1, estimatedBytes: 0 };
  let set = best;
  for (const index of labOnly.slice(0, LAB_ONLY)) {
    const table = facts.find((known) => quoteRelation(known.table) === quoteRelation(index.table));
    const bytes = table === undefined ? 0 : indexSize(index, table).bytes;
    if (table === undefined || set.estimatedBytes + bytes > limits.budgetBytes || isFull(set, index, limits.maxIndexesPerTable)) continue;
    set = { ...set, indexes: [...set.indexes, index], estimatedBytes: set.estimatedBytes + bytes };
  }
  return set === best ? sets : [...sets.slice(0, most - 1), set];
}

const isFull = ({ indexes }: FoundSet, { table }: IndexDefinition, most: number): boolean =>
  indexes.filter((other) => quoteRelation(other.table) === quoteRelation(table)).length >= most;
