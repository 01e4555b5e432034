/** A setting for one statement: what to write for it, and what it costs. Nobody but people can do that, so Assay never does. Pure. */
import { size } from './finding-words.ts';
import { quoteName } from './index-sql.ts';
import type { RelationName } from './model.ts';
import type { SettingChange } from './recommendation.ts';
import type { Interval } from './statistics.ts';

/** Settings that help one statement by something that its plan shows. */
export const settingNames = ['work_mem', 'jit', 'plan_cache_mode', 'max_parallel_workers_per_gather'] as const;
export type SettingName = (typeof settingNames)[number];

export interface Setting {
  readonly name: SettingName;
  /** As it is written; holds no quote. */
  readonly value: string;
}

/** What executing the statement once may take with the setting, at most; PostgreSQL takes it only where rows need it. */
export interface MemoryUse {
  /** Sorts, hashes and kept rows of its plan: each may take work_mem, those that hash that times hash_mem_multiplier. */
  readonly nodes: number;
  readonly hashMultiplier: number;
  /** The session's own and its parallel workers. */
  readonly processes: number;
  readonly executionBytes: number;
}

/** Who sends the statement, and what else it sends in that database. */
export interface RoleUse {
  readonly role: string;
  /** Other statements, as pg_stat_statements counts them. */
  readonly others: number;
  /** Of its time there, the part that this statement takes, 0 to 1. */
  readonly share: number;
  /** Missing: its other statements were not looked at. */
  readonly trade?: RoleTrade;
}

/** What the setting does to other statements of the role, as far as the run has them. */
export interface RoleTrade {
  /** Statements whose plans were asked for with it; those that it changes were executed. */
  readonly looked: number;
  readonly faster: number;
  readonly slower: number;
}

export interface SettingAdvice extends Setting {
  /** Id of the statement. */
  readonly statement: string;
  /** In the source's sessions when it was measured. */
  readonly was: string;
  /** null: it takes none. */
  readonly memory: MemoryUse | null;
  /** Most time first; empty where nobody knows (a workload from files). */
  readonly roles: readonly RoleUse[];
  /** Sessions the source allows at once; null: not known. */
  readonly connections: number | null;
}

/** What came of settings for one statement, kept with the experiment: an alternative to what else helps it, recommended or not. */
export interface TriedSettings {
  readonly statement: string;
  readonly settings: readonly (Setting & Pick<SettingAdvice, 'was' | 'memory'>)[];
  /** What its plan showed. */
  readonly because: readonly string[];
  /** Time left with them, without anything else that the run recommends; null: nothing of that changes this statement. */
  readonly alone: Interval | null;
  /** Time left with them where all that is there already. */
  readonly beside: Interval;
  /** null: recommended; otherwise why not. */
  readonly refused: string | null;
}

export const settingSql = ({ name, value }: Setting): string => `SET LOCAL ${name} = '${value}';`;

/** For every session of the role in that database that begins from then on; a setting it has there already is lost by the undo. */
export function forRole({ name, value }: Setting, { role, database }: { readonly role: string; readonly database: string }) {
  const where = `ALTER ROLE ${quoteName(role)} IN DATABASE ${quoteName(database)}`;
  return { sql: `${where} SET ${name} = '${value}';`, undo: `${where} RESET ${name};` };
}

/** As it is proposed. `table`: the largest one that the statement reads. */
export function recommendedSetting(
  advice: SettingAdvice,
  { table, because, leaveOneOut = null }: { readonly table: RelationName; readonly because: string; readonly leaveOneOut?: number | null },
): SettingChange {
  return {
    ...{ kind: 'setting', name: advice.name, index: null, table, advice },
    ...{ sql: settingSql(advice), undo: '', sizeBytes: 0, buildMs: 0, leaveOneOut, because },
  };
}

/** Where to write it, and what follows from that: one sentence each. */
export function sayAdvice(advice: SettingAdvice, database: string): readonly string[] {
  const { name, value, was, statement, memory, roles, connections } = advice;
  return [
    `in the application: in the transaction of statement ${statement}, before it (it was ${was}); it ends with the transaction`,
    ...(memory === null ? [] : [sayMemory(memory, { value, connections })]),
    ...roles.map((use) => sayRole({ name, value }, { ...use, database })),
  ];
}

function sayMemory(memory: MemoryUse, { value, connections }: { readonly value: string; readonly connections: number | null }): string {
  const { nodes, hashMultiplier, processes, executionBytes } = memory;
  const parts = [
    `${nodes} sort(s), hash(es) or kept rows of ${value}`,
    ...(hashMultiplier === 1 ? [] : [`× hash_mem_multiplier ${hashMultiplier} for what hashes`]),
    ...(processes === 1 ? [] : [`× ${processes} processes (parallel workers)`]),
  ];
  const all = connections === null ? '' : `; were all ${connections} sessions to send it at once, ${size(executionBytes * connections)}`;
  return `memory: at most ${size(executionBytes)} an execution (${parts.join(' ')})${all}`;
}

function sayRole(setting: Setting, { role, others, share, trade, database }: RoleUse & { readonly database: string }): string {
  const { sql, undo } = forRole(setting, { role, database });
  const takes = `This one takes ${Math.round(share * 100)} % of its time`;
  if (others === 0) return `or for the whole role: ${sql} Nothing else of it is known. Undo: ${undo}`;
  if (trade === undefined || trade.looked === 0) return `not for the whole role ${role}, whose ${others} other statement(s) were not looked at. ${takes}`;
  if (trade.slower > 0) return `not for the whole role ${role}: ${trade.slower} of its other statements slower with it. ${takes}`;
  const seen = `${trade.looked} of them looked at on the copy, ${trade.faster} faster, none slower`;
  return `or for the whole role: ${sql} ${takes}, ${others} other statement(s) of it get it too: ${seen}. Undo: ${undo}`;
}
