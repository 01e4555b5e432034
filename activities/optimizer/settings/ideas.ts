/** Settings that a statement's plan asks for: seen by executing it once on the lab, sized by executing it with them. */
import { availableParallelism } from 'node:os';
import type { Statement } from '../../../domain/optimizer/model.ts';
import type { SettingName } from '../../../domain/optimizer/setting.ts';
import { type SettingHint, settingHints } from '../../../domain/optimizer/setting-choice.ts';
import type { Away, Unit } from '../lab/execute.ts';
import { canChange, readsNothing } from '../lab/experiment.ts';
import type { LabSession } from '../lab/measure.ts';
import type { BuiltObject } from '../lab/sets.ts';
import { executedPlan, type SettingIdea } from './executed.ts';
import { customPlans } from './generic.ts';
import { type Bounds, fittedWorkMem } from './work-mem.ts';

export interface StatementIdea {
  readonly statement: Statement;
  readonly units: readonly Unit[];
  readonly settings: readonly SettingIdea[];
  readonly because: readonly string[];
  /** Does what the run recommends beside change its plan? */
  readonly isTouched: boolean;
}

export interface Ideas {
  readonly ideas: readonly StatementIdea[];
  /** What a plan asked for and must not have, in words. */
  readonly refused: readonly string[];
}

export interface Looking {
  /** What else the run recommends; all of it is there. */
  readonly beside: readonly BuiltObject[];
  readonly bounds: Bounds;
  /** Might the application keep this one prepared, and PostgreSQL one plan for it? */
  readonly mayBeKept: (statement: string) => boolean;
  readonly untilMs: number;
}

/** A person has to write it into an application: of the workload's time, the statement must be worth that. */
const LEAST_SHARE = 0.01;
/** Of so many at most, those that take most time. */
const MOST = 8;

export async function settingIdeas(session: LabSession, units: readonly Unit[], looking: Looking): Promise<Ideas> {
  const statements = [...new Map(units.map(({ bound: { statement } }) => [statement.id, statement])).values()];
  const totalMs = statements.reduce((sum, { totalMs: each }) => sum + each, 0);
  const worth = statements.filter((each) => each.totalMs >= totalMs * LEAST_SHARE).toSorted((a, b) => b.totalMs - a.totalMs);
  const [ideas, refused]: [StatementIdea[], string[]] = [[], []];
  for (const [done, statement] of worth.entries()) {
    session.io.signal.throwIfAborted();
    session.io.beat({ phase: 'settings', done, total: worth.length });
    if (ideas.length === MOST || Date.now() > looking.untilMs) break;
    const found = await ideaOf(session, { statement, units: units.filter(({ bound }) => bound.statement.id === statement.id) }, looking);
    refused.push(...found.refused.map((reason) => `statement ${statement.id}: ${reason}`));
    if (found.idea !== null) ideas.push(found.idea);
  }
  return { ideas, refused };
}

interface Asked {
  readonly statement: Statement;
  readonly units: readonly Unit[];
}

interface Seen {
  readonly unit: Unit;
  readonly away: Away;
  readonly hint: SettingHint;
}

async function ideaOf(session: LabSession, { statement, units }: Asked, { beside, bounds, mayBeKept }: Looking) {
  const isTouched = beside.length > 0 && (await anyChanges(session, units, beside));
  const seen = [...(await seenIn(session, units, [])), ...(isTouched ? await seenIn(session, units, beside) : [])];
  const settings: SettingIdea[] = [];
  const [because, refused]: [string[], string[]] = [[], []];
  for (const name of new Set(seen.map(({ hint }) => hint.name))) {
    const own = seen.filter(({ hint }) => hint.name === name);
    const made = name === 'work_mem' ? await fittedWorkMem(session, own, bounds) : await plainly(session, name);
    if ('refused' in made) refused.push(made.refused);
    else {
      settings.push(made);
      because.push(...own.slice(0, 1).map(({ hint }) => onCores(hint)));
    }
  }
  const custom = mayBeKept(statement.id) ? await customPlans(session, units) : null;
  if (custom !== null) {
    settings.push(custom.setting);
    because.push(custom.because);
  }
  return { refused, idea: settings.length === 0 ? null : { statement, units, settings, because, isTouched } };
}

async function anyChanges(session: LabSession, units: readonly Unit[], beside: readonly BuiltObject[]): Promise<boolean> {
  for (const unit of units) if (await canChange(session, unit, beside)) return true;
  return false;
}

/** Workers that have to share cores with what they work for start late: the lab may have fewer of them than the source. */
const onCores = ({ name, because }: SettingHint): string =>
  name === 'max_parallel_workers_per_gather' ? `${because}, on the ${availableParallelism()} core(s) of the lab` : because;

async function seenIn(session: LabSession, units: readonly Unit[], away: Away): Promise<readonly Seen[]> {
  const seen: Seen[] = [];
  for (const unit of units) {
    if (await readsNothing(session, unit)) continue;
    const plan = await executedPlan(session, unit, { away, settings: {} });
    for (const hint of plan === null ? [] : settingHints(plan)) seen.push({ unit, away, hint });
  }
  return seen;
}

const OFF: Readonly<Record<Exclude<SettingName, 'work_mem' | 'plan_cache_mode'>, string>> = { jit: 'off', max_parallel_workers_per_gather: '0' };

async function plainly({ client }: LabSession, name: SettingName): Promise<SettingIdea | { readonly refused: string }> {
  if (name === 'work_mem' || name === 'plan_cache_mode') throw new TypeError('each of them is found in a way of its own');
  const { rows } = await client.query<{ was: string }>('/* assay optimizer */ select pg_catalog.current_setting($1) as was', [name]);
  return { name, value: OFF[name], was: rows[0]?.was ?? '', memory: null };
}
