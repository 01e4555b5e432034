/** `assay init|doctor|plan|apply|remove|config|dev|worker`: what the fleet is made of. Done by handlers from `workers/`. */
import { type Command, Option } from 'commander';
import { AssayError, reasonOf } from '../../domain/errors.ts';
import type { Change } from '../../domain/plan.ts';
import type { InitRequest } from './handlers.ts';
import { errorObject, type Outcome } from './outcome.ts';
import { paintFor } from './paint.ts';
import { sqlText } from './plan-sql.ts';
import type { Runner } from './runner.ts';
import type { Session } from './session.ts';
import { appliedText, changeText, doctorText, initText, notesText, planText } from './show-fleet.ts';

export function addFleetCommands(program: Command, run: Runner): void {
  addInit(program, run);
  addDoctor(program, run);
  addPlanning(program, run);
  addRemove(program, run);
  program
    .command('config')
    .helpCommand(false)
    .description('How this process is configured.')
    .command('show')
    .summary('every variable with its value, default and meaning')
    .description('Shows every variable of the environment that Assay reads; secrets as stars.')
    .action(
      run<[], object>(async ({ handlers, options }) => {
        const { text, data } = await handlers.configShow(options);
        return { exit: 0, data, text: () => `${text.trimEnd()}\n` };
      }),
    );
  program
    .command('dev')
    .summary('start an embedded fleet on this machine and stay')
    .description('Starts PostgreSQL, a Temporal server with its UI, the control database and a worker, all private to this user, until Ctrl-C.')
    .action(
      run<[], object>(async ({ handlers, options, tell }) => {
        await handlers.dev(options, tell);
        return null;
      }),
    );
  program
    .command('worker')
    .summary('run a worker of the fleet on this host (production)')
    .description('Runs against an existing Temporal server and control database until SIGTERM. Host-bound work of this host is done here.')
    .action(
      run<[], object>(async (session) => {
        const { handlers, options, tell, terminal } = session;
        if (!terminal.errIsTty) return unseenWorker(session);
        await handlers.worker(options, tell);
        return null;
      }),
    );
}

/** What no terminal shows is a log: each line of it is JSON, the last one of a worker that could not start too. */
async function unseenWorker({ handlers, options, terminal }: Session): Promise<Outcome | null> {
  try {
    await handlers.worker(options, () => {});
    return null;
  } catch (error) {
    const ours = error instanceof AssayError ? error : new AssayError('internal', { reason: reasonOf(error) }, { cause: error });
    const line = { level: 'error', time: terminal.now().toISOString(), kind: 'worker-failed', ...errorObject(ours), msg: `${ours.message}; ${ours.hint}` };
    return { exit: ours.exit, data: errorObject(ours), text: () => `${JSON.stringify(line)}\n` };
  }
}

function addInit(program: Command, run: Runner): void {
  program
    .command('init')
    .summary('write a commented assay.yaml for a cluster')
    .description('Looks at a cluster and writes assay.yaml. Adopts an existing pgbackrest.conf, stanza and archive_command; never rewrites them.')
    .option('--connection <url>', 'cluster to look at, postgresql://USER@HOST:PORT/DATABASE (default: the one on this host)')
    .option('--name <name>', 'its name in assay.yaml')
    .option('--engine-config <file>', 'pgbackrest.conf to adopt (default: looked for in the usual places)')
    .option('--stanza <name>', 'stanza to adopt')
    .option('--signing-key', 'make an Ed25519 key pair for certificates too', false)
    .option('--force', 'write over an existing policy file', false)
    .option('--dry-run', 'print it, write nothing', false)
    .action(
      run<[], InitRequest>(async ({ handlers, options }, _none, request) => {
        const report = await handlers.init(request, options);
        return { exit: 0, data: report, text: (paint) => initText(report, paint) };
      }),
    );
}

function addDoctor(program: Command, run: Runner): void {
  program
    .command('doctor')
    .summary('what is missing, one line and one fix each')
    .description('Looks at every cluster, its host, its repositories, Temporal and the workers. Exit 1: something Assay needs does not work.')
    .argument('[cluster]', 'name of the cluster (default: all of assay.yaml)')
    .action(
      run<[string | undefined], object>(async ({ handlers, options }, [cluster]) => {
        const lines = await handlers.doctor(cluster === undefined ? {} : { cluster }, options);
        return { exit: lines.some(({ outcome }) => outcome === 'fault') ? 1 : 0, data: { lines }, text: (paint) => doctorText(lines, paint) };
      }),
    );
}

function addPlanning(program: Command, run: Runner): void {
  program
    .command('plan')
    .summary('show what apply would change, with its SQL')
    .description('Compares assay.yaml with Temporal, the control database and the clusters. Changes nothing. Exit 4: a cluster did not answer.')
    .option('--sql', 'only the SQL, to run it yourself as a superuser: assay plan --sql | psql')
    .action(run<[], { sql?: boolean }>((session, _none, { sql = false }) => planned(session, sql)));
  program
    .command('apply')
    .summary('make everything as assay.yaml says')
    .description(
      'Makes what plan shows, each change shown before it is made. Twice changes nothing. Clusters no longer in the file lose their schedules once confirmed, never their backups.',
    )
    .option('--dry-run', 'the same as plan')
    .option('--yes', 'take away clusters that the file no longer has without asking')
    .action(run<[], { dryRun?: boolean; yes?: boolean }>((session, _none, { dryRun, yes = false }) => (dryRun ? planned(session) : applied(session, yes))));
}

async function planned({ handlers, options }: Session, sql = false): Promise<Outcome> {
  const report = await handlers.plan(options);
  return { exit: report.unseen.length > 0 ? 4 : 0, data: report, text: (paint) => (sql ? sqlText(report.changes) : planText(report, paint)) };
}

async function applied(session: Session, yes: boolean): Promise<Outcome> {
  const { handlers, options } = session;
  const confirmRemovals = yes || (await removalsConfirmed(session));
  const report = await handlers.apply({ confirmRemovals, tell: session.tell }, options, showing(session));
  const { done, refused, failed, unseen, notes } = report;
  const data = { done, refused, failed: failed.map(({ cluster, error, made, left }) => ({ cluster, ...errorObject(error), made, left })), unseen, notes };
  return {
    exit: failed[0]?.error.exit ?? (refused.length > 0 ? 5 : 0),
    data,
    text: (paint) => appliedText(report, paint),
  };
}

/** Asks only where there is something to take away. */
async function removalsConfirmed({ handlers, options, terminal }: Session): Promise<boolean> {
  const inFile = new Set(await handlers.clusters(options));
  const dropped = [...new Set((await handlers.plan(options)).changes.map(({ cluster }) => cluster).filter((cluster) => !inFile.has(cluster)))];
  if (dropped.length === 0) return false;
  return terminal.confirm(`Take away schedules and objects of ${dropped.join(', ')}, no longer in the file? Backups stay.`);
}

interface RemoveFlags {
  readonly dryRun?: boolean;
  readonly sql?: boolean;
  readonly leaveSql?: boolean;
  readonly yes?: boolean;
}

function addRemove(program: Command, run: Runner): void {
  program
    .command('remove')
    .summary('take away all that Assay left in a cluster')
    .description('Takes away schedules, SQL objects and the applied policy of a cluster; never its backups and certificates.')
    .argument('<cluster>', 'name of the cluster')
    .option('--dry-run', 'show it, take nothing away')
    .option('--sql', 'only the SQL, to run it yourself as a superuser: assay remove CLUSTER --sql | psql')
    .option('--leave-sql', 'do not ask the cluster, leave in it what Assay made: for a server that is gone for good')
    .addOption(new Option('--yes', 'do not ask'))
    .action(
      run<[string], RemoveFlags>(async (session, [cluster], { dryRun = false, sql = false, leaveSql = false, yes = false }) => {
        const { handlers, options, terminal } = session;
        const wanted = await handlers.remove({ cluster, dryRun: true, leaveSql }, options, dryRun || sql ? () => {} : showing(session));
        if (sql) return { exit: 0, data: { dryRun: true, ...wanted }, text: () => sqlText(wanted.changes) };
        const text = `${wanted.changes.length} change(s)${notesText(wanted.notes)}\n`;
        if (dryRun)
          return { exit: 0, data: { dryRun, ...wanted }, text: (paint) => `${wanted.changes.map((change) => changeText(change, paint)).join('')}${text}` };
        if (!yes && !(await confirmed(session, cluster, wanted.changes))) throw unconfirmed(cluster, terminal.errIsTty);
        const report = await handlers.remove({ cluster, dryRun: false, leaveSql }, options, showing(session));
        return {
          exit: 0,
          data: { dryRun, ...report },
          text: () => `${cluster} is removed: ${report.changes.length} change(s) made.\n${notesText(report.notes)}`,
        };
      }),
    );
}

async function confirmed({ terminal, tell }: Session, cluster: string, changes: readonly Change[]): Promise<boolean> {
  const paint = paintFor({ ...terminal, color: false, now: terminal.now });
  for (const change of changes) tell(changeText(change, paint).trimEnd());
  return terminal.confirm(`Remove Assay from ${cluster}? Backups and certificates stay.`);
}

const unconfirmed = (cluster: string, asked: boolean) =>
  new AssayError('refused-by-guard', {
    what: `removing ${cluster}`,
    reason: asked ? 'it was not confirmed' : 'nobody is there to confirm it',
    hint: 'add --yes',
  });

const showing =
  ({ tell, terminal }: Session) =>
  (change: Change): void =>
    tell(changeText(change, paintFor({ ...terminal, color: false, now: terminal.now })).trimEnd());
