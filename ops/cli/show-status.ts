/** Where the backups of a cluster stand, as people read it. */
import type { BackupRecord } from '../../domain/backup/model.ts';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import { type Standing, standingOf } from '../../domain/backup/standing.ts';
import type { ArchiveLag, BackupStatus, WindowGap, WindowPart } from '../../domain/backup/status.ts';
import { bytes, duration, moment, relative, when } from './figures.ts';
import { type Paint, plain } from './paint.ts';
import { verdictWord } from './show-proofs.ts';
import { facts, table } from './table.ts';

export function statusText(status: BackupStatus, paint: Paint): string {
  const { cluster, environment, provenAt, archive, gaps, window, running, clones, unreachable = [] } = status;
  const standing = standingOf(status, paint.now.getTime());
  const rows: [string, string][] = [
    ['newest proof', provenAt === null ? paint.bad('never') : when(provenAt, paint)],
    ['backups', `${status.backups.length}, ${status.proofs.filter(({ verdict }) => verdict === 'proven').length} proven`],
    ...archive.map((lag): [string, string] => [`repository ${lag.repository}`, lagWords(lag, status, paint)]),
    ...unreachable.map(({ repository }): [string, string] => [`repository ${repository}`, paint.bad('does not answer')]),
    ...clones.map(({ id, host, since }): [string, string] => ['clone', `${id} on ${plain(host)}, ${relative(since, paint.now)}`]),
    ...running.map(({ workflowId, startedAt }): [string, string] => ['running', `${plain(workflowId)}, began ${relative(startedAt, paint.now)}`]),
  ];
  const head = `${paint.strong(plain(cluster))} (${environment}): ${standingWord(standing, paint)}\n`;
  return `${head}${standing.because.map((each) => `  · ${plain(each)}\n`).join('')}${facts(rows, paint)}\n${windowText(window, gaps, paint)}`;
}

function standingWord({ standing }: Standing, paint: Paint): string {
  switch (standing) {
    case 'good':
      return paint.good('good');
    case 'fault':
      return paint.bad('a fault was found');
    case 'not-proven':
      return paint.doubt('not proven');
  }
}

function lagWords({ bytes: lag, seconds }: ArchiveLag, { objectives: { rpoMs } }: BackupStatus, paint: Paint): string {
  const words = lag === 0 ? 'up to date' : `${bytes(lag)} of WAL not there yet, newest segment ${duration(seconds * 1000)} old`;
  return rpoMs !== null && seconds * 1000 > rpoMs && lag > 0 ? paint.doubt(`${words}; objective ${duration(rpoMs)}`) : words;
}

/** Each proof adds a part and leaves one behind it; people ask for the newest. */
const PARTS = 14;

/** Intervals that can be restored, and the holes between them, in the order of time. */
function windowText(window: readonly WindowPart[], gaps: readonly WindowGap[], paint: Paint): string {
  const newest = window.toSorted((a, b) => (a.from < b.from ? -1 : 1)).slice(-PARTS);
  const parts = newest.map((part) => ({
    at: part.from,
    row: [stateWord(part, paint), String(part.repository), span(part.from, part.to, paint), plain(part.because)],
  }));
  const holes = gaps.map((gap) => ({ at: gap.after ?? gap.until ?? '', row: gapRow(gap, paint) }));
  const rows = [...parts, ...holes].sort((a, b) => (a.at < b.at ? -1 : 1)).map(({ row }) => row);
  const older = window.length > PARTS ? `${window.length - PARTS} older parts are not shown; \`--json\` has them\n` : '';
  return rows.length === 0 ? '' : `\n${table(['WINDOW', 'REPO', 'FROM – TO', 'BECAUSE'], rows, paint)}\n${older}`;
}

function stateWord({ state }: WindowPart, paint: Paint): string {
  return state === 'proven' ? paint.good(state) : state === 'reachable' ? paint.doubt(state) : paint.bad(state);
}

function gapRow({ repository, after, until, segments, firstMissing, lastMissing }: WindowGap, paint: Paint): string[] {
  const names = segments === 1 ? firstMissing : `${firstMissing} … ${lastMissing}`;
  return [paint.bad('gap'), String(repository), span(after, until, paint), `${segments} WAL segment(s) missing: ${names}`];
}

const span = (from: string | null, to: string | null, paint: Paint): string =>
  `${from === null ? '?' : moment(from, paint.zone)} – ${to === null ? 'the next backup' : moment(to, paint.zone)}`;

/** Newest first. */
export function backupsText({ backups, proofs, cluster }: Pick<BackupStatus, 'backups' | 'proofs' | 'cluster'>, paint: Paint): string {
  if (backups.length === 0) return `${plain(cluster)} has no backup yet: \`assay backup run ${cluster}\`\n`;
  const rows = backups
    .toSorted((a, b) => (a.stoppedAt > b.stoppedAt ? -1 : 1))
    .map((backup) => {
      const proof = proofs.find((each) => each.backup === backup.label);
      const { label, type, stoppedAt, databaseBytes, repositoryBytes, repository } = backup;
      return [plain(label), type, relative(stoppedAt, paint.now), bytes(databaseBytes), bytes(repositoryBytes), String(repository), provenWords(proof, paint)];
    });
  return `${table(['BACKUP', 'TYPE', 'ENDED', 'DATABASE', 'ADDED', 'REPO', 'PROOF'], rows, paint)}\n`;
}

const provenWords = (proof: ProofSummary | undefined, paint: Paint): string =>
  proof === undefined ? paint.dim('none') : `${verdictWord(proof, paint)} ${relative(proof.finishedAt, paint.now)}`;

export function backupText(backup: BackupRecord, paint: Paint): string {
  const { label, type, repository, references, startedAt, stoppedAt, startLsn, stopLsn, timeline } = backup;
  const rows: [string, string][] = [
    ['backup', paint.strong(plain(label))],
    ['type', `${type}, repository ${repository}, engine ${plain(backup.engineVersion)}`],
    ['began', when(startedAt, paint)],
    ['took', duration(Date.parse(stoppedAt) - Date.parse(startedAt))],
    ['wal', `${startLsn} – ${stopLsn}, timeline ${timeline}, segments ${backup.startSegment} – ${backup.stopSegment}`],
    ['size', `${bytes(backup.databaseBytes)} of database, ${bytes(backup.repositoryBytes)} added to the repository`],
    ['builds on', references.length === 0 ? 'nothing' : references.map(plain).join(', ')],
    ['request', backup.requestKey === null ? 'none: not made by Assay' : plain(backup.requestKey)],
  ];
  return `${facts(rows, paint)}\n${backup.hasPageErrors ? `${paint.bad('the engine noticed damaged pages while it copied')}\n` : ''}`;
}
