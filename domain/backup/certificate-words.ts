/** How a certificate says durations, sizes, moments and targets: plain words, UTC, the same on every machine. */
import type { Instant, RecoveryTarget } from './model.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `840 ms`, `12.4 s`, `3 min 20 s`, `2 h 5 min`, `6 d 3 h`. Negative durations count as 0. */
export function sayDuration(durationMs: number): string {
  const ms = Math.max(0, durationMs);
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < MINUTE) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < HOUR) return pair(ms, [MINUTE, 'min'], [1_000, 's']);
  if (ms < DAY) return pair(ms, [HOUR, 'h'], [MINUTE, 'min']);
  return pair(ms, [DAY, 'd'], [HOUR, 'h']);
}

function pair(ms: number, [large, largeName]: [number, string], [small, smallName]: [number, string]): string {
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)} ${largeName}${rest === 0 ? '' : ` ${rest} ${smallName}`}`;
}

const SIZES = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Powers of 1000: `812 bytes`, `1.5 GB`. */
export function sayBytes(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1_000 && unit < SIZES.length - 1) {
    size /= 1_000;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${SIZES[unit]}`;
}

/** `2026-11-21 05:44:07 UTC`. */
export function sayInstant(instant: Instant): string {
  const time = new Date(instant);
  return Number.isNaN(time.getTime()) ? instant : `${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** Rounded down, so that 100 % means all of it. */
export function sayShare(share: number): string {
  return `${Math.floor(share * 10_000) / 100} %`;
}

export function sayTarget(target: RecoveryTarget): string {
  switch (target.kind) {
    case 'lsn':
      return `LSN ${target.lsn}${target.exclusive ? ', exclusive' : ''}`;
    case 'time':
      return sayInstant(target.at);
    case 'name':
      return `restore point ${target.name}`;
    case 'xid':
      return `transaction ${target.xid}${target.exclusive ? ', exclusive' : ''}`;
  }
}

export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;
