/** One statement and its other texts on the lab: which of them are equal, and which is the fastest. */
import { AssayError } from '../../../domain/errors.ts';
import type { Binding, Decision, Experiment, StatementVerdict } from '../../../domain/optimizer/model.ts';
import { type RewriteAdvice, WORTH_WRITING } from '../../../domain/optimizer/rewrite.ts';
import { planToKeep, type StatementPlans } from '../../../domain/optimizer/statement-plans.ts';
import type { Interval } from '../../../domain/optimizer/statistics.ts';
import { judgeStatement, judgeTotal, SLOWEST_RATIO, type StatementTimes, shown } from '../../../domain/optimizer/verdict.ts';
import { isServerError, reasonByCode } from '../../pg-errors.ts';
import { type Away, explained, planText, prepareUnits, type Unit } from '../lab/execute.ts';
import { type Compared, compare, type LabSession, type Rounds } from '../lab/measure.ts';
import type { RewriteCandidate } from './applied.ts';
import type { Candidates } from './candidates.ts';
import { provenEqual } from './proof.ts';
import { provenSameWrites } from './proof-write.ts';

/** A text that was tried, and what came of it. */
export interface TriedRewrite {
  readonly statement: string;
  readonly advice: RewriteAdvice | null;
  readonly verdict: StatementVerdict | null;
  readonly total: Interval;
  readonly wallTotal: Interval;
  readonly decision: Decision;
  readonly reasons: readonly string[];
  /** Of the statement, and of the other text where it is equal. */
  readonly units: readonly Unit[];
  readonly others: readonly Unit[];
  /** Of the units the one that gains most. */
  readonly mostMoved?: Unit;
  /** Asked only where it is recommended. */
  readonly plans: () => Promise<readonly StatementPlans[]>;
}

/** What `prepareUnits` of others does not number so high. */
const FIRST_NUMBER = 1_000_000;

interface Question {
  /** One statement's, one for each set of values. */
  readonly units: readonly Unit[];
  readonly found: Candidates;
  readonly rounds: Rounds;
  /** Values to compare with besides. */
  readonly more?: readonly Binding[];
}

/** In the order of the candidates. Throws cancelled, and where the lab is gone. */
export async function triedRewrites(session: LabSession, { units, found, rounds, more = [] }: Question, firstNumber: number): Promise<readonly TriedRewrite[]> {
  const tried: TriedRewrite[] = [];
  for (const [place, candidate] of found.candidates.entries()) {
    if (session.io.signal.aborted) throw new AssayError('cancelled', { what: 'comparing texts on the lab' });
    session.io.beat({ phase: 'rewrites', done: place, total: found.candidates.length });
    if (place > 0 && Date.now() > rounds.untilMs) break;
    tried.push(await tryOne(session, { units, found, rounds, more, candidate, number: FIRST_NUMBER + firstNumber + place }));
  }
  return tried;
}

interface One extends Question {
  readonly candidate: RewriteCandidate;
  readonly number: number;
}

async function tryOne(session: LabSession, question: One): Promise<TriedRewrite> {
  const { units, found, candidate, number } = question;
  const { client, statementTimeoutMs: timeoutMs, io } = session;
  const [first] = units as readonly [Unit, ...Unit[]];
  const other = (question.more ?? []).find((binding) => binding.source === 'captured' && !isFixedAs(candidate, binding));
  if (other !== undefined) return dropped(question, 'a parameter that it takes for a constant was sent with another value');
  const others = await prepareUnits(client, { ...first.bound, text: candidate.text, bindings: units.map(({ binding }) => binding) }, number).catch(reasonOf);
  if (typeof others === 'string') return dropped(question, `PostgreSQL does not take it: ${others}`);
  if (await hasSamePlans(session, units, others)) return dropped(question, 'PostgreSQL plans both texts alike');
  const texts = { before: found.text, after: candidate.text, isOrdered: found.isOrdered, hangsOnTimeZone: candidate.hangsOnTimeZone, fixed: candidate.fixed };
  const limits = { timeoutMs, signal: io.signal, more: (question.more ?? []).map(fixedBy(candidate)), untilMs: question.rounds.untilMs };
  const proven =
    found.writes === undefined || candidate.writes === undefined
      ? await provenEqual(client, units, texts, limits)
      : await provenSameWrites(client, units, { ...texts, before: found.writes, after: candidate.writes, sent: texts }, limits);
  if (proven.kind === 'not-proven') return dropped(question, `not proven equal: ${proven.because}`);
  const { bindings, rows, timeZones } = proven;
  const { rules, grounds, text: after } = candidate;
  const proof = {
    bindings,
    rows,
    isOrdered: found.isOrdered,
    timeZones,
    ...(found.mayTie ? { mayTie: true as const } : {}),
    ...(found.writes === undefined ? {} : { isOfWrites: true as const }),
  };
  const fixed = [...candidate.fixed].map(([parameter, value]) => ({ parameter, value }));
  return measured(session, question, others, {
    statement: first.bound.statement.id,
    rules,
    before: first.bound.text,
    after,
    grounds,
    fixed,
    proof,
    tables: found.tables,
    parameterTypes: first.bound.parameterTypes,
  });
}

const isFixedAs = ({ fixed }: RewriteCandidate, { values }: Binding): boolean => [...fixed].every(([parameter, value]) => values[parameter - 1] === value);

/** Made-up values of what is always sent alike say nothing. */
const fixedBy =
  ({ fixed }: RewriteCandidate) =>
  (binding: Binding): Binding => ({ ...binding, values: binding.values.map((value, place) => fixed.get(place + 1) ?? value) });

function reasonOf(error: unknown): string {
  if (!isServerError(error)) throw error;
  return reasonByCode(error);
}

async function hasSamePlans({ client }: LabSession, units: readonly Unit[], others: readonly Unit[]): Promise<boolean> {
  for (const [place, unit] of units.entries()) {
    const other = others[place];
    if (other !== undefined && (await planText(client, unit, [])) !== (await planText(client, other, []))) return false;
  }
  return true;
}

const NOTHING: Interval = { ratio: 1, low: 1, high: 1 };

function dropped({ units, candidate }: One, because: string): TriedRewrite {
  const words = `${candidate.rules.join(' + ')}: ${because}`;
  const decision: Decision = { verdict: 'rejected', because: [words] };
  const statement = units[0]?.bound.statement.id ?? '';
  return {
    statement,
    advice: null,
    verdict: null,
    total: NOTHING,
    wallTotal: NOTHING,
    decision,
    reasons: candidate.reasons,
    units,
    others: [],
    plans: async () => [],
  };
}

async function measured(session: LabSession, question: One, others: readonly Unit[], advice: RewriteAdvice): Promise<TriedRewrite> {
  const { units, rounds, candidate } = question;
  const jobs = units.map((unit, place) => ({ unit, instead: others[place] as Unit, before: [], after: [] }));
  // one statement takes little: twice the rounds of a set
  const compared = await compare(session, jobs, { ...rounds, repeats: 2 * rounds.repeats });
  const timesBy = (clock: 'pairs' | 'wall'): StatementTimes => timesOf(units, compared, clock);
  const fault = compared.find((each) => each.fault !== null)?.fault;
  if (fault != null || timesBy('pairs').bindings.length === 0) return dropped(question, fault?.detail ?? 'no time was left');
  const verdict = judgeStatement(timesBy('pairs'));
  const total = judgeTotal([timesBy('pairs')]);
  return {
    ...{ statement: advice.statement, advice, verdict, total, wallTotal: judgeTotal([timesBy('wall')]), reasons: candidate.reasons, units, others },
    decision: decided(advice, verdict, total),
    mostMoved: mostMoved(units, compared),
    plans: () => plansOf(session, { unit: mostMoved(units, compared), units, others }),
  };
}

/** For every set of values it must not be slower, and it has to be faster in all. */
function decided({ rules }: RewriteAdvice, verdict: StatementVerdict, total: Interval): Decision {
  const name = rules.join(' + ');
  const against = [
    ...(verdict.judged === 'faster' && total.high <= WORTH_WRITING ? [] : [`${name}: no gain is proven: executed ${shown(total)} of before`]),
    ...((verdict.worst ?? 1) > SLOWEST_RATIO && (verdict.worstLow ?? 1) > 1
      ? [`${name}: with some values it takes ${(verdict.worst ?? 1).toFixed(2)} × as long`]
      : []),
  ];
  return against.length > 0
    ? { verdict: 'rejected', because: against }
    : { verdict: 'accepted', because: [`executed ${shown(total)} of before, with every set of values`] };
}

/** Of units of one statement, in their order. */
export function timesOf(units: readonly Unit[], compared: readonly Compared[], clock: 'pairs' | 'wall'): StatementTimes {
  const { id: statement, calls } = (units[0] as Unit).bound.statement;
  const bindings = units.map((unit, place) => ({ source: unit.binding.source, pairs: compared[place]?.[clock] ?? [] }));
  return { statement, calls, bindings: bindings.filter(({ pairs }) => pairs.length > 0) };
}

function mostMoved(units: readonly Unit[], compared: readonly Compared[]): Unit {
  const gain = (place: number) => (compared[place]?.pairs ?? []).reduce((sum, { beforeMs, afterMs }) => sum + beforeMs - afterMs, 0);
  const order = units.map((_, place) => place).toSorted((a, b) => gain(b) - gain(a));
  return units[order[0] ?? 0] as Unit;
}

interface Shown {
  readonly unit: Unit;
  readonly units: readonly Unit[];
  readonly others: readonly Unit[];
  /** Indexes that are away; none where left out. */
  readonly before?: Away;
  readonly after?: Away;
  /** Of indexes, those that they will have by those on the lab. */
  readonly names?: ReadonlyMap<string, string>;
}

/** Both executed once more, with a clock at each node; without values. */
export async function plansOf(
  { client, statementTimeoutMs: timeoutMs }: LabSession,
  { unit, units, others, before = [], after = [], names = new Map() }: Shown,
): Promise<readonly StatementPlans[]> {
  const plan = async (each: Unit, away: Away) => planToKeep(await explained(client, each, { away, timeoutMs, isExecuted: true }), names);
  try {
    return [{ statement: unit.bound.statement.id, before: await plan(unit, before), after: await plan(others[units.indexOf(unit)] ?? unit, after) }];
  } catch (error) {
    if (!isServerError(error)) throw error;
    return [];
  }
}

/** As the control database keeps what was measured. */
export const experimentOf = ({ verdict, total, wallTotal }: TriedRewrite, { id, proof, sql }: { id: string; proof: string; sql: string }): Experiment => ({
  ...{ id, proofId: proof, total, wallTotal, statements: verdict === null ? [] : [verdict], notJudged: [] },
  changes: [{ sql, sizeBytes: 0, buildMs: 0, leaveOneOut: null }],
});
