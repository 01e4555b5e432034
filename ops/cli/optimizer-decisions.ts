/** `assay optimizer approve|refuse|history`: what becomes of a recommendation. */
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { AssayError, isAssayError } from '../../domain/errors.ts';
import type { DecisionAnswer, DecisionRequest, HistoryEntry, RecommendationRecord, RecommendationResult } from '../../domain/optimizer/decision.ts';
import { isAdvised, kindOf } from '../../domain/optimizer/recommendation.ts';
import { when } from './figures.ts';
import { type Followable, follow } from './follow.ts';
import type { Outcome } from './outcome.ts';
import { type Paint, paintFor, plain } from './paint.ts';
import type { Runner } from './runner.ts';
import type { Session } from './session.ts';
import { recommendationText } from './show-optimizer.ts';
import { table } from './table.ts';

interface DecisionOptions {
  readonly digest?: string;
  readonly by?: string;
  readonly reason?: string;
  readonly yes?: boolean;
  readonly wait?: boolean;
}

export function addDecisions(optimizer: Command, run: Runner): void {
  optimizer
    .command('approve')
    .summary('approve a recommendation, as it was shown')
    .description(
      'Shows it and asks. Bound to what was shown: another SQL or evidence is refused, evidence that went stale is measured again. With apply: sql (the default) its SQL is for your own pipeline; with apply: execute Assay carries it out under guard, and waits. Exit 1: rolled back or failed; 5: refused, or stale.',
    )
    .argument('<id>', 'recommendation, or the beginning of its id')
    .option('--digest <digest>', 'of the recommendation as `show` gave it; asks nothing then')
    .option('--by <name>', 'who approves (default: the user of this shell)')
    .option('--reason <text>', 'kept with the decision')
    .option('--yes', 'approve it as it is now, ask nothing')
    .option('--no-wait', 'return once it is approved')
    .action(run<[string], DecisionOptions>((session, [id], options) => approved(session, id, options)));
  optimizer
    .command('refuse')
    .summary('refuse a recommendation; it does not come back until its evidence changes')
    .description('Asks nothing, and ends it: later runs do not recommend the same again until what speaks for it is other. With --digest only what was shown.')
    .argument('<id>', 'recommendation, or the beginning of its id')
    .option('--digest <digest>', 'of the recommendation as `show` gave it')
    .option('--by <name>', 'who refuses (default: the user of this shell)')
    .option('--reason <text>', 'kept with the decision')
    .action(
      run<[string], DecisionOptions>(async (session, [asked], options) => {
        const record = await session.handlers.recommendation({ id: asked }, session.options);
        const answer = await decided(session, record, request('refuse', record, options));
        const { id } = record.recommendation;
        return {
          exit: 0,
          data: { recommendation: id, ...answer },
          text: (paint) => `${paint.doubt('refused')} ${id}: it does not come back until its evidence changes\n`,
        };
      }),
    );
  optimizer
    .command('history')
    .summary('what became of recommendations: who decided, what was kept or rolled back, why')
    .description('Newest first. Reads the control database.')
    .argument('[cluster]', 'name of the cluster (default: all)')
    .action(
      run<[string | undefined], object>(async ({ handlers, options }, [cluster]) => {
        const history = await handlers.history(cluster === undefined ? {} : { cluster }, options);
        return { exit: 0, data: { history }, text: (paint) => historyText(history, paint) };
      }),
    );
}

async function approved(session: Session, asked: string, options: DecisionOptions): Promise<Outcome> {
  const record = await session.handlers.recommendation({ id: asked }, session.options);
  const { id } = record.recommendation;
  if (options.digest === undefined && !options.yes && !(await confirmed(session, record))) throw unconfirmed(session, record);
  const answer = await decided(session, record, request('approve', record, options));
  const data = { recommendation: id, digest: record.digest, ...answer };
  if (answer.state !== 'approved') return { exit: 5, data, text: (paint) => staleText(id, answer, paint) };
  if (answer.apply === 'sql')
    return {
      exit: 0,
      data,
      text: (paint) => `${paint.good('approved')} ${id}\n  ${whatNext(record)}\n`,
    };
  if (options.wait === false) return left(id, data, 0);
  const workflow = await (await session.client()).optimizer.recommendation(record.recommendation.cluster, id);
  const followed = await follow(begunAt(session.terminal.now(), workflow), { terminal: session.terminal, quiet: session.options.quiet }).catch(
    (error: unknown) => {
      if (isAssayError(error, 'no-worker')) session.tell(`approved ${id}: it goes on once a worker is there; see how far it is: assay optimizer history`);
      throw error;
    },
  );
  if (followed.kind === 'detached') return left(id, data, 3);
  const { result } = followed;
  return { exit: result.state === 'kept' ? 0 : 1, data: { ...data, ...result }, text: (paint) => endText(result, paint) };
}

/** It may have waited for weeks since it was proposed: for whoever looks on, its time begins with the approval. */
export const begunAt = <T>(now: Date, workflow: Followable<T>): Followable<T> => ({
  result: () => workflow.result(),
  progress: async () => ({ ...(await workflow.progress()), startedAt: now.toISOString() }),
});

/** What only people can do is no file for a pipeline. */
const whatNext = ({ recommendation: { id, indexes } }: RecommendationRecord): string =>
  indexes.map(kindOf).some(isAdvised)
    ? `it is the application's to do, Assay does not: assay optimizer show ${id}`
    : `its SQL, for your own pipeline: assay optimizer show ${id} --out DIRECTORY`;

const decided = async (session: Session, { recommendation: { id, cluster } }: RecommendationRecord, asked: DecisionRequest): Promise<DecisionAnswer> =>
  (await session.client()).optimizer.decide({ cluster, recommendation: id, ...asked });

const request = (verdict: DecisionRequest['verdict'], record: RecommendationRecord, { digest, by, reason }: DecisionOptions): DecisionRequest => ({
  verdict,
  digest: digest ?? record.digest,
  by: by ?? userInfo().username,
  reason: reason ?? null,
});

async function confirmed({ terminal, tell }: Session, { recommendation, digest }: RecommendationRecord): Promise<boolean> {
  if (!terminal.errIsTty) return false;
  tell(recommendationText(recommendation, paintFor(terminal)));
  return terminal.confirm(`Approve this (digest ${digest.slice(0, 12)}…) for ${plain(recommendation.cluster)}/${plain(recommendation.database)}?`);
}

const unconfirmed = ({ terminal }: Session, { recommendation: { id }, digest }: RecommendationRecord) =>
  terminal.errIsTty
    ? new AssayError('cancelled', { what: `approving ${id}` })
    : new AssayError('usage', {
        reason: 'nobody is there to look at it',
        hint: `look at it with \`assay optimizer show ${id}\`, then name what you saw: --digest ${digest}`,
      });

function left(id: string, data: object, exit: 0 | 3): Outcome {
  const text = `approved ${id}: it is being carried out\n  see how far it is: assay optimizer history\n`;
  return { exit, data: { ...data, state: 'applying' }, text: () => text };
}

function staleText(id: string, { state, because, again }: DecisionAnswer, paint: Paint): string {
  const reasons = because.map((each) => `  · ${plain(each)}\n`).join('');
  const anew = again === null ? '' : `  it is being measured again: ${again}\n`;
  return `${paint.doubt(state)} ${id}: nothing was done\n${reasons}${anew}`;
}

function endText({ recommendation, state, because }: RecommendationResult, paint: Paint): string {
  const word = state === 'kept' ? paint.good(state) : paint.bad(state);
  return `${word} ${recommendation}\n${because.map((each) => `  · ${plain(each)}\n`).join('')}`;
}

/** Below a recommendation that is shown: what a decision is bound to, and what became of it. */
export function decisionText({ recommendation: { id, state }, digest, history }: RecommendationRecord, paint: Paint): string {
  const events = history
    .toReversed()
    .filter((event) => event.state !== 'proposed')
    .map(
      ({ at, state: into, by, because }) =>
        `  ${when(at, paint)}  ${stateWord(into, paint)}${by === null ? '' : ` by ${plain(by)}`}${because.length === 0 ? '' : `: ${plain(because.join('; '))}`}\n`,
    );
  const how = state === 'proposed' ? `  approve it with: assay optimizer approve ${id} --digest ${digest}\n` : '';
  return `digest ${digest}\n${events.join('')}${how}`;
}

export function historyText(history: readonly HistoryEntry[], paint: Paint): string {
  if (history.length === 0) return 'no recommendation was made yet: `assay optimizer run CLUSTER` makes one\n';
  const rows = history.map(({ at, recommendation, cluster, database, state, by, because }) => [
    when(at, paint),
    recommendation,
    `${plain(cluster)}/${plain(database)}`,
    stateWord(state, paint),
    by === null ? '' : plain(by),
    plain(because.join('; ')),
  ]);
  return `${table(['WHEN', 'RECOMMENDATION', 'DATABASE', 'STATE', 'BY', 'BECAUSE'], rows, paint)}\n`;
}

export function stateWord(state: HistoryEntry['state'], paint: Paint): string {
  if (state === 'kept') return paint.good(state);
  if (state === 'failed' || state === 'rolled-back') return paint.bad(state);
  return state;
}
