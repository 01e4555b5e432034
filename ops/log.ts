/** One of the two exhaustive listeners of observations: a line of JSON for each, with a sentence for people. */
import { type DestinationStream, type Level, type LoggerOptions, pino } from 'pino';
import type { Observation, Observe } from '../domain/observation.ts';

type Kind = Observation['kind'];
type Line<K extends Kind> = (seen: Extract<Observation, { kind: K }>) => readonly [level: Level, sentence: string];

export interface LogOptions {
  /** Least level that is written; default `info`. */
  readonly level?: 'debug' | 'info' | 'warn' | 'error';
  /** Default: stdout. */
  readonly destination?: DestinationStream;
}

/** A listener that writes one JSON object a line: level, time (ISO, UTC), the observation's fields, msg. Secrets in texts print as stars. */
export function createLog(options: LogOptions = {}): Observe {
  const settings: LoggerOptions = {
    level: options.level ?? 'info',
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  };
  const logger = options.destination === undefined ? pino(settings) : pino(settings, options.destination);
  return (seen) => {
    const line = lines[seen.kind] as (seen: Observation) => ReturnType<Line<Kind>>; // the kind picked the line of this very type
    const [level, sentence] = line(seen);
    logger[level](withoutSecrets(fieldsOf(seen)), stars(sentence));
  };
}

/** A kind of observation without its line here does not compile. */
const lines: { readonly [K in Kind]: Line<K> } = {
  'worker-started': ({ host, queues, metricsUrl }) => [
    'info',
    `worker of ${host} polls ${queues.join(', ')}${metricsUrl === undefined ? '' : `; metrics at ${metricsUrl}`}`,
  ],
  'worker-stopped': ({ host }) => ['info', `worker of ${host} stopped`],
  'cluster-watched': ({ cluster }) => ['info', `watching ${cluster}`],
  'cluster-forgotten': ({ cluster }) => ['info', `${cluster} left the policy`],
  'witness-written': ({ cluster, lsn }) => ['debug', `witness in ${cluster} at ${lsn}`],
  'witness-failed': ({ cluster, reason }) => ['warn', `no witness in ${cluster}: ${reason}`],
  'archive-measured': ({ cluster, repository, lagBytes, gaps }) =>
    gaps > 0
      ? ['error', `${gaps} gap(s) in the archive of ${cluster}, repository ${repository}`]
      : ['debug', `archive of ${cluster}, repository ${repository}, is ${lagBytes} bytes behind`],
  'window-measured': ({ cluster, repository, oldest, newest }) => [
    'debug',
    oldest === null
      ? `nothing of ${cluster} can be restored from repository ${repository}`
      : `${cluster} reaches from ${oldest} to ${newest} in repository ${repository}`,
  ],
  'engine-progress': ({ cluster, phase, doneBytes, totalBytes }) => ['debug', `${phase} of ${cluster}: ${doneBytes} of ${totalBytes} bytes`],
  'backup-taken': ({ cluster, label, type, adopted, tookMs }) => [
    'info',
    adopted ? `${type} backup ${label} of ${cluster} was already made, adopted` : `${type} backup ${label} of ${cluster} taken in ${seconds(tookMs)}`,
  ],
  'backup-failed': ({ cluster, type, code }) => ['error', `${type} backup of ${cluster} failed: ${code}`],
  'marker-made': ({ cluster, database, way, tables, tookMs }) => [
    'info',
    `marker of ${cluster}/${database}: ${tables} table(s) by way of ${way} in ${seconds(tookMs)}`,
  ],
  'marker-failed': ({ cluster, database, reason }) => ['warn', `no marker of ${cluster}/${database}: ${reason}`],
  'clone-opened': ({ cluster, clone }) => ['info', `clone ${clone} of ${cluster} opened`],
  'clone-wiped': ({ cluster, clone, swept }) =>
    swept ? ['warn', `clone ${clone} of ${cluster} had lost its owner, wiped`] : ['info', `clone ${clone} of ${cluster} wiped`],
  'check-made': ({ cluster, check, outcome, tookMs }) => [outcome === 'failed' ? 'warn' : 'info', `${check} of ${cluster}: ${outcome} in ${seconds(tookMs)}`],
  'proof-judged': ({ cluster, proof, backup, verdict, level, cause }) => [
    VERDICT_LEVELS[verdict],
    `proof ${proof} of ${cluster}: backup ${backup} is ${verdict}${level ? ` at level ${level}` : ''}${cause ? `, cause ${cause}` : ''}`,
  ],
  'markers-removed': ({ cluster, removed, kept, reason }) =>
    reason === null
      ? ['info', `removed ${removed} marker(s) of ${cluster} that no backup needs, ${kept} stay`]
      : ['warn', `no marker of ${cluster} was removed: ${reason}`],
  'backups-expired': ({ cluster, labels, dryRun }) => ['info', `${dryRun ? 'would expire' : 'expired'} ${labels.length} backup(s) of ${cluster}`],
  'restore-finished': ({ cluster, outcome }) => [outcome === 'proven' ? 'info' : 'error', `restore of ${cluster}: ${outcome}`],
  'schedule-missed': ({ cluster, schedule, missed }) => [missed > 0 ? 'warn' : 'debug', `schedule ${schedule} of ${cluster} missed ${missed} run(s)`],
  'objective-missed': ({ cluster, objective, measuredSeconds, objectiveSeconds }) => [
    'warn',
    `${objective} of ${cluster} measured ${measuredSeconds} s, objective ${objectiveSeconds} s`,
  ],
  'workload-observed': ({ cluster, source, statements, notJudged }) => [
    'info',
    `workload of ${cluster} from ${source}: ${statements} statement(s), ${notJudged} get no verdict`,
  ],
  'experiment-measured': ({ cluster, experiment, verdict, ratio }) => [
    'info',
    `experiment ${experiment} of ${cluster}: executed total ${ratio.toFixed(3)} of before, ${verdict}`,
  ],
  'recommendation-made': ({ cluster, recommendation, indexes, ratio }) => [
    'info',
    `recommendation ${recommendation} of ${cluster}: ${indexes} index(es), executed total ${ratio.toFixed(3)} of before`,
  ],
  'optimizer-run-ended': ({ cluster, run, outcome, tookMs }) => [
    outcome === 'failed' ? 'warn' : 'info',
    `run ${run} of the optimizer on ${cluster}: ${outcome} after ${seconds(tookMs)}`,
  ],
  'statements-not-judged': ({ cluster, step, reasons }) => {
    const said = Object.entries(reasons).map(([reason, count]) => `${count} ${reason}`);
    return ['info', `${step} of ${cluster}: ${said.length === 0 ? 'every statement can be judged' : `no verdict for ${said.join(', ')}`}`];
  },
  'recommendation-state': ({ cluster, database, recommendation, state }) => [
    state === 'rolled-back' ? 'warn' : 'info',
    `recommendation ${recommendation} for ${cluster}/${database} is ${state}`,
  ],
  'change-applied': ({ cluster, change, tookMs }) => ['info', `${change} on ${cluster} carried out in ${seconds(tookMs)}`],
  'guard-verdict': ({ cluster, verdict }) => [verdict === 'roll-back' ? 'error' : 'info', `guard of ${cluster} says ${verdict}`],
  'recommendations-counted': ({ cluster, collectedAt }) => ['debug', `workload of ${cluster} last collected ${collectedAt ?? 'never'}`],
  'library-said': ({ library, level, message }) => [level, `${library}: ${message}`],
  'step-failed': ({ step, code, message }) => ['warn', `step ${step} failed (${code}): ${message}`],
};

const VERDICT_LEVELS = { proven: 'info', failed: 'error', inconclusive: 'warn' } as const satisfies Record<string, Level>;

// an observation's own level must not take the place of the line's
const fieldsOf = (seen: Observation) => {
  if (!('level' in seen)) return { ...seen };
  const { level, ...rest } = seen;
  return seen.kind === 'proof-judged' ? { ...rest, proofLevel: level } : rest;
};

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

/** By contract no observation holds a secret or a row; texts of other programs pass here once more all the same. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, '****'],
  [/(\w+:\/\/[^\s:/@]*:)[^\s@]+@/g, '$1****@'],
  [/\b((?:[\w-]*(?:password|passwd|passphrase|cipher-pass|secret|token|s3-key|key-secret))["']?\s*[=:]\s*)("[^"]*"|'[^']*'|\S+)/gi, '$1****'],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, '****'],
  // PostgreSQL puts rows into these
  [/^(.*\b(?:DETAIL|CONTEXT|STATEMENT):).*$/gm, '$1 ****'],
];

const stars = (text: string) => SECRETS.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), text);

const withoutSecrets = (fields: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, typeof value === 'string' ? stars(value) : value]));
