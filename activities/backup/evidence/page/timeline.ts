/** From the first backup to the moment the proof began, as one picture. Gaps are to no scale (a week beside a second): each says its length. */

import type { CertificateBody } from '../../../../domain/backup/certificate-schema.ts';
import { plural, sayDuration, sayInstant, sayTarget } from '../../../../domain/backup/certificate-words.ts';
import { type Html, html, px, shorten } from '../../../../domain/html.ts';

interface Moment {
  readonly at: number;
  readonly side: 'above' | 'below';
  readonly kind: 'backup' | 'marker' | 'target' | 'missed' | 'witness' | 'began';
  readonly title: string;
  readonly text: string;
  /** Moments without a label of their own only get their sign. */
  readonly silent?: boolean;
}

interface Placed extends Moment {
  readonly x: number;
  readonly lane: number;
}

const WIDTH = 880;
const MARGIN = 24;
const LANE = 38;
const LETTER = 6.1;

/** Empty where the proof ended before anything was restored and nothing has a time. */
export function timeline(body: CertificateBody): Html {
  const moments = momentsOf(body);
  if (moments.length < 2) return html``;
  const scale = scaleOf([...moments.map((moment) => moment.at), ...body.backups.map((backup) => Date.parse(backup.stoppedAt))]);
  const placed = [...lanes(moments, 'above', scale), ...lanes(moments, 'below', scale)];
  const lanesOn = (side: Moment['side']) => Math.max(0, ...placed.filter((moment) => moment.side === side && !moment.silent).map((moment) => moment.lane + 1));
  const axis = 26 + lanesOn('above') * LANE;
  const height = axis + 34 + lanesOn('below') * LANE;
  return html`<svg class="timeline" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Timeline from backup to proof">
<line class="axis" x1="${MARGIN}" x2="${WIDTH - MARGIN}" y1="${axis}" y2="${axis}"/>
${replay(body, scale, axis)}
${gaps(scale, axis)}
${shown(body).map(
  (backup) =>
    html`<rect class="span" x="${px(scale.x(Date.parse(backup.startedAt)))}" y="${axis - 6}" width="${px(Math.max(6, scale.x(Date.parse(backup.stoppedAt)) - scale.x(Date.parse(backup.startedAt))))}" height="12" rx="6"/>`,
)}
${placed.map((moment) => label(moment, axis))}
</svg>`;
}

function momentsOf(body: CertificateBody): Moment[] {
  const backups = shown(body).map(
    (backup): Moment => ({
      at: Date.parse(backup.startedAt),
      side: 'above',
      kind: 'backup',
      title: `${backup.type} backup`,
      text: `${shorten(backup.label, 36)} · ${sayDuration(Date.parse(backup.stoppedAt) - Date.parse(backup.startedAt))}`,
    }),
  );
  const { newestWitness } = body.recovery;
  const moments: Moment[] = [...backups, ...markers(body), ...target(body)];
  if (newestWitness !== null) {
    moments.push({ at: Date.parse(newestWitness.at), side: 'above', kind: 'witness', title: 'newest witness that came back', text: clock(newestWitness.at) });
  }
  moments.push({ at: Date.parse(body.run.startedAt), side: 'below', kind: 'began', title: 'proof began', text: clock(body.run.startedAt) });
  return moments.filter((moment) => !Number.isNaN(moment.at));
}

/** A long chain shows its full backup and the newest four. */
function shown(body: CertificateBody): CertificateBody['backups'] {
  return body.backups.length <= 5 ? body.backups : [...body.backups.slice(0, 1), ...body.backups.slice(-4)];
}

function markers(body: CertificateBody): Moment[] {
  const sorted = [...body.markers].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const middle = sorted[Math.floor((sorted.length - 1) / 2)];
  return sorted.map((marker) => ({
    at: Date.parse(marker.at),
    side: 'below',
    kind: 'marker',
    title: plural(sorted.length, 'marker'),
    text: sorted.length === 1 ? `${shorten(marker.database, 24)} · ${clock(marker.at)}` : 'one a database, compared in turn',
    silent: marker !== middle,
  }));
}

function target(body: CertificateBody): Moment[] {
  const { asked, reached } = body.target;
  if (asked === null) return [];
  const at = body.provenAt ?? (asked.kind === 'time' ? asked.at : (reached?.replayedAt ?? null));
  if (at === null) return [];
  const missed = reached === null || body.verdict.cause === 'target-not-reached' || body.verdict.cause === 'wal-gap';
  return [
    {
      at: Date.parse(at),
      side: 'above',
      kind: missed ? 'missed' : 'target',
      title: missed ? 'asked, not reached' : 'restored to',
      text: shorten(sayTarget(asked), 40),
    },
  ];
}

const clock = (instant: string) => sayInstant(instant).slice(11);

interface Scale {
  readonly x: (at: number) => number;
  readonly stops: readonly number[];
}

/** Each distinct moment a stop; the room between two grows with the logarithm of the time between them. */
function scaleOf(instants: readonly number[]): Scale {
  const stops = [...new Set(instants)].sort((a, b) => a - b);
  const weights = stops.slice(1).map((stop, at) => 0.35 + Math.log10(1 + (stop - (stops[at] ?? stop)) / 1_000));
  const room =
    (WIDTH - 2 * MARGIN - 40) /
    Math.max(
      0.1,
      weights.reduce((sum, weight) => sum + weight, 0),
    );
  const xs = new Map<number, number>();
  let x = MARGIN + 20;
  stops.forEach((stop, at) => {
    x += at === 0 ? 0 : (weights[at - 1] ?? 0) * room;
    xs.set(stop, x);
  });
  return { stops, x: (at) => xs.get(at) ?? MARGIN };
}

/** Labels of one side, each in the lowest lane where it touches no other. */
function lanes(moments: readonly Moment[], side: Moment['side'], scale: Scale): Placed[] {
  const ends: number[] = [];
  return [...moments]
    .filter((moment) => moment.side === side)
    .sort((a, b) => a.at - b.at)
    .map((moment) => {
      const x = scale.x(moment.at);
      if (moment.silent) return { ...moment, x, lane: 0 };
      const [from, to] = extent(moment, x);
      const free = ends.findIndex((end) => end < from - 10);
      const lane = free === -1 ? ends.length : free;
      ends[lane] = to;
      return { ...moment, x, lane };
    });
}

const widthOf = (moment: Moment) => Math.max([...moment.title].length, [...moment.text].length) * LETTER;

/** Labels start at their moment, and end at it where the sheet ends. */
const endsAtMoment = (moment: Moment, x: number) => x + widthOf(moment) > WIDTH - 4;
function extent(moment: Moment, x: number): [number, number] {
  const width = widthOf(moment);
  return endsAtMoment(moment, x) ? [x - width, x] : [x, x + width];
}

function label(moment: Placed, axis: number): Html {
  const sign = signOf(moment, axis);
  if (moment.silent) return sign;
  const anchor = endsAtMoment(moment, moment.x) ? 'end' : 'start';
  const shift = anchor === 'end' ? -6 : 6;
  const y = moment.side === 'above' ? axis - 26 - moment.lane * LANE : axis + 42 + moment.lane * LANE;
  const x = px(moment.x + shift);
  return html`<g class="moment ${moment.kind}"><line class="leader" x1="${px(moment.x)}" x2="${px(moment.x)}" y1="${axis}" y2="${moment.side === 'above' ? y - 20 : y + 14}"/>${sign}
<text class="what" x="${x}" y="${y - 8}" text-anchor="${anchor}">${moment.title}</text><text class="when" x="${x}" y="${y + 6}" text-anchor="${anchor}">${moment.text}</text></g>`;
}

function signOf({ kind, x }: Placed, axis: number): Html {
  switch (kind) {
    case 'marker':
      return html`<path class="sign marker" d="M${px(x)} ${axis - 7}l7 7l-7 7l-7 -7z"/>`;
    case 'target':
      return html`<circle class="sign target" cx="${px(x)}" cy="${axis}" r="9"/><circle class="sign hole" cx="${px(x)}" cy="${axis}" r="3.5"/>`;
    case 'missed':
      return html`<path class="sign missed" d="M${px(x - 7)} ${axis - 7}l14 14m0 -14l-14 14"/>`;
    case 'witness':
      return html`<circle class="sign witness" cx="${px(x)}" cy="${axis}" r="5"/>`;
    default:
      return html`<line class="sign ${kind}" x1="${px(x)}" x2="${px(x)}" y1="${axis - 7}" y2="${axis + 7}"/>`;
  }
}

/** The stretch of write-ahead log that was replayed: from the last backup to where the clone stopped. */
function replay(body: CertificateBody, scale: Scale, axis: number): Html {
  const last = body.backups.at(-1);
  const stop = target(body)[0];
  if (last === undefined || stop === undefined) return html``;
  return html`<line class="replay ${stop.kind}" x1="${px(scale.x(Date.parse(last.stoppedAt)))}" x2="${px(scale.x(stop.at))}" y1="${axis}" y2="${axis}"/>`;
}

function gaps({ stops, x }: Scale, axis: number): Html[] {
  return stops.slice(1).flatMap((stop, at) => {
    const before = stops[at] ?? stop;
    const text = sayDuration(stop - before);
    const room = x(stop) - x(before);
    return room < text.length * 5.4 + 12 ? [] : [html`<text class="gap" x="${px((x(stop) + x(before)) / 2)}" y="${axis + 19}">${text}</text>`];
  });
}
