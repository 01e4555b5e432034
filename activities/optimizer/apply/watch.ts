/** A second session beside the one that builds: it tells how far the build is, and ends it where the step should stop. */
import { setTimeout } from 'node:timers/promises';
import type pg from 'pg';
import type { StepIo } from '../../io.ts';

/** Opens a session for one question. */
export type Ask = <T>(use: (client: pg.Client) => Promise<T>) => Promise<T>;

const EVERY_MS = 2_000;
const STOP_AGAIN_MS = 250;

/** While `work` runs, its backend is watched. What cannot be looked at is not told: the build is what counts. */
export async function watched<T>({ pid, ask, io }: { readonly pid: number; readonly ask: Ask; readonly io: StepIo }, work: () => Promise<T>): Promise<T> {
  // a signal that was given before anybody listened is not given again
  io.signal.throwIfAborted();
  let isBusy = false;
  const look = async () => {
    if (isBusy) return;
    isBusy = true;
    await ask((client) => tell(client, pid, io)).catch(() => {});
    isBusy = false;
  };
  let isOver = false;
  // between two statements there is nothing to cancel: asked again until the work has ended
  const stop = async () => {
    while (!isOver) {
      await ask((client) => client.query('/* assay optimizer */ select pg_cancel_backend($1)', [pid])).catch(() => {});
      if (!isOver) await setTimeout(STOP_AGAIN_MS);
    }
  };
  const timer = setInterval(() => void look(), EVERY_MS);
  const onAbort = () => void stop();
  io.signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await work();
  } finally {
    isOver = true;
    clearInterval(timer);
    io.signal.removeEventListener('abort', onAbort);
  }
}

async function tell(client: pg.Client, pid: number, io: StepIo): Promise<void> {
  const { rows } = await client.query<{ phase: string; share: number | null }>(
    `/* assay optimizer */ select phase, round(100.0 * blocks_done / nullif(blocks_total, 0))::int as share from pg_stat_progress_create_index where pid = $1`,
    [pid],
  );
  const [progress] = rows;
  if (progress !== undefined) io.beat({ phase: progress.phase, ...(progress.share === null ? {} : { percent: progress.share }) });
}

/** Ends what an earlier attempt at the same recommendation still builds: where it is taken back, nobody needs it. */
export async function endEarlierAttempts(client: pg.Client): Promise<void> {
  await client.query(`/* assay optimizer */ select pg_cancel_backend(pid) from pg_stat_activity
    where application_name = current_setting('application_name') and usename = session_user and pid <> pg_backend_pid()`);
}

/** Of the session's backend. */
export async function pidOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('/* assay optimizer */ select pg_backend_pid() as pid');
  return (rows[0] as { pid: number }).pid;
}
