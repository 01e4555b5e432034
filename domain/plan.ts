/** What `assay apply` would change: the difference between the policy and what is found. Pure; carried out by `workers/commands/apply.ts`. */
import { fleetQueue, inRepository, type ScheduleName, scheduleId, workflowIds } from './ids.ts';
import type { OptimizerRunInput } from './optimizer/requests.ts';
import type { ClusterPolicy, Connection, SchedulePolicy } from './policy.ts';

export type ScheduledWorkflow = 'backupRun' | 'backupProve' | 'backupExpire' | 'backupFingerprint' | 'optimizerRun';

/** `cron` in its zone's wall clock; `interval` counts from the Unix epoch. */
export type When =
  | { readonly kind: 'cron'; readonly cron: string; readonly timeZone: string }
  | { readonly kind: 'interval'; readonly everyMs: number; readonly offsetMs: number };

/** A Temporal Schedule as Assay makes it. */
export interface Schedule {
  readonly id: string;
  readonly when: When;
  readonly jitterMs: number;
  readonly catchUpMs: number;
  readonly workflow: ScheduledWorkflow;
  /** Temporal appends the moment the run was due. */
  readonly workflowId: string;
  readonly taskQueue: string;
  readonly input: unknown;
}

export interface FoundSchedule extends Omit<Schedule, 'when' | 'workflow'> {
  /** null: edited by hand into something no policy says. */
  readonly when: When | null;
  readonly workflow: string;
  /** An operator paused it: apply leaves that as it is. */
  readonly paused: boolean;
}

/** SQL that makes one of Assay's own objects, and the SQL that takes it away. */
export interface ObjectSql {
  readonly sql: string;
  readonly undo: string;
  readonly why: string;
}

export type ChangeKind = 'add' | 'change' | 'remove';
export type ChangeSubject = 'engine-configuration' | 'sql' | 'policy' | 'schedule';

export type SqlPlace = Pick<Connection, 'host' | 'port' | 'database'>;

export interface Change {
  readonly kind: ChangeKind;
  readonly subject: ChangeSubject;
  readonly cluster: string;
  /** The schedule's id, the file, or what the object is for. */
  readonly what: string;
  readonly why: string;
  /** Exactly what is run in the user's cluster. */
  readonly sql?: string;
  /** Where it is run; with `sql`. */
  readonly place?: SqlPlace;
}

/** What was found of one cluster; null where it could not be looked at (a note says why). */
export interface FoundCluster {
  readonly cluster: string;
  readonly schedules: readonly FoundSchedule[];
  readonly policy: ClusterPolicy | null;
  /** Objects that are missing in the cluster, or for a removal those that are there. */
  readonly objects: readonly ObjectSql[] | null;
  /** Managed pgbackrest.conf: what it should hold and holds; `unknown` until the SQL of the plan gives the right to see it; null where adopted or on another host. */
  readonly configuration: { readonly file: string; readonly same: boolean | 'unknown'; readonly exists: boolean } | null;
}

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

/** Every schedule a policy asks for. Each repository has backups, proofs and expiry of its own: one run writes to one of them. */
export function desiredSchedules(policy: ClusterPolicy): readonly Schedule[] {
  const every = policy.proof.fingerprint.everyMs ?? null;
  const [, ...others] = policy.engine.repositories;
  return [
    ...ofRepository(policy, null),
    ...(every === null ? [] : [onInterval(policy, 'fingerprint', every, ['backupFingerprint', { cluster: policy.cluster, policy }])]),
    ...optimizing(policy),
    ...others.flatMap(({ id }) => ofRepository(policy, id)),
  ];
}

/** null: the policy's first. */
function ofRepository(policy: ClusterPolicy, repository: number | null): readonly Schedule[] {
  const { full, differential, incremental } = policy.schedules;
  const { deep, randomPerWeek } = policy.proof;
  const input = { cluster: policy.cluster, ...(repository === null ? {} : { repository }), policy };
  const backup = (type: 'full' | 'differential' | 'incremental', schedule: SchedulePolicy | null) =>
    onCron(policy, type, schedule, ['backupRun', { ...input, type }, repository]);
  const random: Start = ['backupProve', { ...input, depth: 'plain', random: true }, repository];
  return [
    ...backup('full', full),
    ...backup('differential', differential),
    ...backup('incremental', incremental),
    ...onCron(policy, 'deep-proof', deep, ['backupProve', { ...input, depth: 'deep' }, repository]),
    ...(randomPerWeek === 0 ? [] : [onInterval(policy, 'random-proof', WEEK_MS / randomPerWeek, random)]),
    ...onCron(policy, 'expire', policy.retention.schedule ?? null, ['backupExpire', input, repository]),
  ];
}

/** Each run counts what came since the one before. */
function optimizing(policy: ClusterPolicy): readonly Schedule[] {
  const { schedule = null, database = null } = policy.optimizer ?? {};
  const input = { cluster: policy.cluster, ...(database === null ? {} : { database }), since: 'last-run', policy } satisfies OptimizerRunInput;
  return onCron(policy, 'optimizer', schedule, ['optimizerRun', input]);
}

/** Workflow, its input, and the repository it works in where that is not the policy's first. */
type Start = readonly [ScheduledWorkflow, unknown, (number | null)?];

function onCron(policy: ClusterPolicy, name: ScheduleName, schedule: SchedulePolicy | null, start: Start): readonly Schedule[] {
  if (schedule === null) return [];
  const when: When = { kind: 'cron', cron: schedule.cron, timeZone: schedule.timeZone };
  return [{ ...common(policy, name, start), when, jitterMs: schedule.jitterMs, catchUpMs: schedule.catchUpMs }];
}

// whole seconds: Temporal keeps no finer intervals; the jitter spreads proofs over the whole interval, so that no moment of the week is never tried
function onInterval(policy: ClusterPolicy, name: 'random-proof' | 'fingerprint', rawMs: number, start: Start): Schedule {
  const everyMs = Math.floor(rawMs / 1000) * 1000;
  const jitterMs = name === 'random-proof' ? everyMs : 0;
  return { ...common(policy, name, start), when: { kind: 'interval', everyMs, offsetMs: 0 }, jitterMs, catchUpMs: Math.min(everyMs, DAY_MS) };
}

function common(policy: ClusterPolicy, name: ScheduleName, [workflow, input, repository = null]: Start) {
  const id = workflowIds[workflow](policy.cluster, `schedule-${inRepository(name, repository)}`);
  return { id: scheduleId(policy.cluster, name, repository), workflow, workflowId: id, taskQueue: fleetQueue, input };
}

/**
 * Changes that make a cluster as the policy says, in the order they are made: SQL first, which is all or nothing and gives the rights that the
 * configuration is read with; schedules last, when all they need is there.
 */
export function clusterChanges(policy: ClusterPolicy, found: FoundCluster): readonly Change[] {
  const { cluster } = policy;
  return [
    ...(found.objects ?? []).map(
      ({ sql, why }): Change => ({ kind: 'add', subject: 'sql', cluster, what: objectName(sql), why, sql, place: placeOf(policy.connection) }),
    ),
    ...configurationChange(cluster, found),
    ...policyChange(policy, found),
    ...scheduleChanges(policy, found),
  ];
}

/**
 * Changes that take away what Assay left, backups and certificates apart. Schedules go first, so that nothing starts meanwhile.
 * `connection`: where the objects were looked for.
 */
export function removalChanges(found: FoundCluster, why: string, connection: Connection | null = found.policy?.connection ?? null): readonly Change[] {
  const { cluster } = found;
  return [
    ...found.schedules.map(({ id }): Change => ({ kind: 'remove', subject: 'schedule', cluster, what: id, why })),
    ...(found.objects ?? []).map(
      ({ undo, why: purpose }): Change => ({
        kind: 'remove',
        subject: 'sql',
        cluster,
        what: objectName(undo),
        why: `${why}; it was for: ${purpose}`,
        sql: undo,
        ...(connection === null ? {} : { place: placeOf(connection) }),
      }),
    ),
    ...(found.policy === null ? [] : [{ kind: 'remove', subject: 'policy', cluster, what: 'applied policy', why } as const]),
  ];
}

const placeOf = ({ host, port, database }: Connection): SqlPlace => ({ host, port, database });

// the first words name it well enough: `create table assay.witness`
const objectName = (sql: string) => sql.replaceAll(/\s+/g, ' ').trim().split(/[(;]/)[0]?.trim().slice(0, 80) ?? '';

function configurationChange(cluster: string, { configuration }: FoundCluster): readonly Change[] {
  if (configuration === null || configuration.same === true) return [];
  const { file, exists, same } = configuration;
  const differs = same === 'unknown' ? 'is compared with the policy once the SQL above has given the right to' : 'differs from the repositories of the policy';
  const why = exists ? differs : 'the policy has repositories and this file does not exist';
  return [{ kind: exists ? 'change' : 'add', subject: 'engine-configuration', cluster, what: file, why }];
}

function policyChange(policy: ClusterPolicy, found: FoundCluster): readonly Change[] {
  const { cluster } = policy;
  if (found.policy === null) return [{ kind: 'add', subject: 'policy', cluster, what: 'applied policy', why: 'no policy was applied yet' }];
  const keys = differingKeys(found.policy, policy);
  return keys.length === 0 ? [] : [{ kind: 'change', subject: 'policy', cluster, what: 'applied policy', why: `differs in ${keys.join(', ')}` }];
}

function scheduleChanges(policy: ClusterPolicy, found: FoundCluster): readonly Change[] {
  const { cluster } = policy;
  const desired = desiredSchedules(policy);
  const made = desired.flatMap((schedule): readonly Change[] => {
    const there = found.schedules.find(({ id }) => id === schedule.id);
    if (there === undefined) return [{ kind: 'add', subject: 'schedule', cluster, what: schedule.id, why: `the policy says ${whenText(schedule.when)}` }];
    const { paused: _, ...comparable } = there;
    const keys = differingKeys(comparable, schedule);
    if (keys.length === 0) return [];
    const why =
      there.when === null
        ? 'it was edited by hand'
        : keys.every((key) => key.startsWith('input.policy'))
          ? 'it starts with an older policy'
          : `differs in ${keys.join(', ')}`;
    return [{ kind: 'change', subject: 'schedule', cluster, what: schedule.id, why }];
  });
  const gone = found.schedules.filter(({ id }) => desired.every((schedule) => schedule.id !== id));
  return [...made, ...gone.map(({ id }): Change => ({ kind: 'remove', subject: 'schedule', cluster, what: id, why: 'the policy has it no more' }))];
}

/** `cron 0 1 * * 0 Europe/Berlin` or `every 3 days 12 hours`. */
export const whenText = (when: When): string => (when.kind === 'cron' ? `cron ${when.cron} ${when.timeZone}` : `every ${intervalText(when.everyMs)}`);

const UNITS = [
  ['day', DAY_MS],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const;

function intervalText(everyMs: number): string {
  const parts = UNITS.map(([unit, ms], index) => [unit, Math.floor((index === 0 ? everyMs : everyMs % (UNITS[index - 1]?.[1] ?? 1)) / ms)] as const);
  const told = parts.filter(([, count]) => count > 0).map(([unit, count]) => `${count} ${unit}${count === 1 ? '' : 's'}`);
  return told.length === 0 ? '0 seconds' : told.join(' ');
}

/** Paths of the values in which two plain values differ; absent, undefined and null are one. */
export function differingKeys(left: unknown, right: unknown, path = ''): readonly string[] {
  const isGroup = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;
  if (isGroup(left) && isGroup(right) && Array.isArray(left) === Array.isArray(right)) {
    const keys = [...new Set([...Object.keys(left), ...Object.keys(right)])];
    return keys.flatMap((key) => differingKeys(left[key], right[key], path === '' ? key : `${path}.${key}`));
  }
  return (left ?? null) === (right ?? null) ? [] : [path];
}
