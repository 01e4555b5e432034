/** What a setting does to what else a role sends: the whole role may have it only where none of that gets slower. */
import type { RoleTrade, RoleUse, Setting } from '../../../domain/optimizer/setting.ts';
import { judgeStatement } from '../../../domain/optimizer/verdict.ts';
import { isServerError } from '../../pg-errors.ts';
import { explained, type LocalSettings, type Unit } from '../lab/execute.ts';
import { compare, type Job, type LabSession, type Rounds } from '../lab/measure.ts';
import type { Prepared } from '../lab/session.ts';
import { rolesOf, type SourceFacts } from './source.ts';

/** Executed for it at most, those that take most time; each with a few rounds only: a person decides. */
const MOST_STATEMENTS = 20;
const ROUNDS = 3;

export interface Asking {
  readonly prepared: Pick<Prepared, 'session' | 'units' | 'rounds'>;
  readonly source: SourceFacts;
  readonly statement: string;
}

/** Most time first. */
export async function rolesWith(setting: Setting, { prepared, source, statement }: Asking): Promise<readonly RoleUse[]> {
  const uses: RoleUse[] = [];
  for (const use of rolesOf(source, statement)) {
    const own = new Set(source.sent.filter(({ role }) => role === use.role).map((each) => each.statement));
    const others = prepared.units.filter(({ bound }) => bound.statement.id !== statement && own.has(bound.statement.id));
    // there each statement would be planned each time: whether its plans are kept at all nobody knows
    uses.push(setting.name === 'plan_cache_mode' ? use : { ...use, trade: await tradeOf(prepared, others, setting) });
  }
  return uses;
}

async function tradeOf({ session, rounds }: Asking['prepared'], units: readonly Unit[], { name, value }: Setting): Promise<RoleTrade> {
  const settings = { [name]: value };
  const ids = [...new Set(units.toSorted((a, b) => b.bound.statement.totalMs - a.bound.statement.totalMs).map(({ bound }) => bound.statement.id))];
  const looked = ids.slice(0, MOST_STATEMENTS);
  const changed: Unit[] = [];
  for (const unit of units) if (looked.includes(unit.bound.statement.id) && (await isChanged(session, unit, settings))) changed.push(unit);
  const verdicts = await judged(session, changed, { settings, rounds });
  const count = (judgement: string) => verdicts.filter((each) => each === judgement).length;
  return { looked: looked.length, faster: count('faster'), slower: count('slower') };
}

/** Costs count too: a sort that is expected to stay in memory by then is another one. */
async function isChanged({ client }: LabSession, unit: Unit, settings: LocalSettings): Promise<boolean> {
  const plan = async (set: LocalSettings) => JSON.stringify(await explained(client, unit, { away: [], timeoutMs: 10_000, isExecuted: false, settings: set }));
  try {
    return (await plan({})) !== (await plan(settings));
  } catch (error) {
    if (isServerError(error)) return false;
    throw error;
  }
}

async function judged(session: LabSession, units: readonly Unit[], { settings, rounds }: { readonly settings: LocalSettings; readonly rounds: Rounds }) {
  const jobs = units.map((unit): Job => ({ unit, before: [], after: [], settings: { after: settings } }));
  const compared = jobs.length === 0 ? [] : await compare(session, jobs, { ...rounds, repeats: ROUNDS });
  return [...new Set(units.map(({ bound }) => bound.statement.id))].flatMap((statement) => {
    const bindings = units.flatMap(({ bound, binding }, place) => {
      const { pairs = [], fault = null } = compared[place] ?? {};
      return bound.statement.id !== statement || fault !== null || pairs.length === 0 ? [] : [{ source: binding.source, pairs }];
    });
    return bindings.length === 0 ? [] : [judgeStatement({ statement, calls: 1, bindings }).judged];
  });
}
