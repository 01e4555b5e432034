/** Way 1, optimistic: no lock; tries until it meets a moment at which nothing is about to commit. */

import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { type HeldSnapshot, holdSnapshot, type NoSnapshot } from './held-snapshot.ts';
import { endOneTransaction, tryQuietMoment } from './quiet-moment.ts';
import { endAll, type MarkerSource, openReader } from './session.ts';

/** A few tries in a row, then a breath: the search itself must cost the cluster little. */
const TRIES_PER_BURST = 20;
const BREATH_MS = 10;

/**
 * Longest search before a slot is made, in milliseconds: some ninety tries. At 1,200 transactions a second nearly every search is over by then.
 */
const AT_ONCE_MS = 200;

/**
 * A slot's files are flushed to disk and with them, on ext4, the journal that commits wait for: in windows of markers by slot the 99th
 * percentile of commits was 1.6 times as long as in windows of nothing, by this way 0.9 to 1.3 times where nothing else ran (bench/markers.ts).
 */
export function byQuietMomentAtOnce(source: MarkerSource, watch: pg.Client, waitMs: number): Promise<HeldSnapshot | NoSnapshot> {
  return byQuietMoment(source, watch, Math.min(waitMs, AT_ONCE_MS));
}

export async function byQuietMoment(source: MarkerSource, watch: pg.Client, waitMs: number): Promise<HeldSnapshot | NoSnapshot> {
  const holder = await openReader(source);
  const until = performance.now() + waitMs;
  let tries = 0;
  let held = false;
  let disturbedBy = 'writers';
  try {
    do {
      await endOneTransaction(watch);
      for (let inBurst = 0; inBurst < TRIES_PER_BURST; inBurst += 1) {
        source.signal.throwIfAborted();
        const heldSinceMs = performance.now();
        const moment = await tryQuietMoment(holder, watch);
        tries += 1;
        if ('lsn' in moment) {
          const snapshot = await holdSnapshot(holder, watch, { way: 'optimistic', lsn: moment.lsn, heldSinceMs, fenceMs: 0 });
          held = true;
          return snapshot;
        }
        disturbedBy = moment.disturbedBy;
      }
      await delay(BREATH_MS);
    } while (performance.now() < until);
  } catch (error) {
    // a range too long to look through: the oldest transaction has been running for millions of others
    if (error instanceof RangeError) return { way: 'optimistic', kind: 'busy', reason: error.message };
    throw error;
  } finally {
    if (!held) await endAll([holder]);
  }
  const what = disturbedBy === 'writers' ? 'something was always about to commit' : 'a long transaction was at work all the time';
  return { way: 'optimistic', kind: 'busy', reason: `${what}, in ${tries} tries within ${waitMs} ms` };
}
