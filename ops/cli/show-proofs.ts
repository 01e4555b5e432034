/** Proofs and what requests led to, as people read them. */
import type { MarkerRef } from '../../domain/backup/model.ts';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import type {
  BackupExpireResult,
  BackupFingerprintResult,
  BackupRestorePointResult,
  BackupRestoreResult,
  BackupRunResult,
} from '../../domain/backup/requests.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { bytes, duration, when } from './figures.ts';
import { type Paint, plain } from './paint.ts';
import { facts, table } from './table.ts';

/** `proven (content)`, `failed (wal-gap)`, `inconclusive (disk-full)`. */
export function verdictWord({ verdict, level, cause, findings }: ProofSummary, paint: Paint): string {
  switch (verdict) {
    case 'proven':
      return paint.good(`proven (${level})`) + (findings > 0 ? paint.doubt(` ${findings} finding(s)`) : '');
    case 'failed':
      return paint.bad(`failed (${cause})`);
    case 'inconclusive':
      return paint.doubt(`inconclusive (${cause})`);
  }
}

export function proofText(proof: ProofSummary, paint: Paint): string {
  const rows: [string, string][] = [
    ['verdict', verdictWord(proof, paint)],
    ['backup', plain(proof.backup)],
    ...measured(proof),
    ['finished', when(proof.finishedAt, paint)],
    ['certificate', plain(proof.certificate.html)],
    ['', plain(proof.certificate.json)],
  ];
  const found = (proof.found ?? []).map((each) => `  ${paint.doubt('!')} ${indented(each)}\n`);
  const more = proof.coverage?.notCoveredNotListed ?? 0;
  const named = [...(proof.coverage?.notCovered ?? []), ...(more === 0 ? [] : [`${more} more, named in the certificate`])];
  const left = named.map((each) => `  ${paint.doubt('not covered:')} ${indented(each)}\n`);
  return `${facts(rows, paint)}\n${proof.because.map((each) => `  · ${indented(each)}\n`).join('')}${found.join('')}${left.join('')}`;
}

/** Of a text in several lines the later ones stand below the first. */
const indented = (text: string) => text.split('\n').map(plain).join('\n    ');

function measured({ coverage, recoveryTimeMs, recoveryPointMs }: ProofSummary): [string, string][] {
  const covered =
    coverage === undefined || coverage.tablesCovered === 0
      ? []
      : [
          ['compared', `${coverage.tablesCovered} of ${coverage.tables} tables, ${Math.floor(coverage.share * 1000) / 10} % of their bytes`] as [
            string,
            string,
          ],
        ];
  const times = [
    ...(typeof recoveryTimeMs === 'number' ? [`back in ${duration(recoveryTimeMs)}`] : []),
    ...(typeof recoveryPointMs === 'number' ? [`newest row that came back ${duration(recoveryPointMs)} old`] : []),
  ];
  return times.length === 0 ? covered : [...covered, ['measured', times.join(', ')]];
}

export function runText({ backup, adopted, markers, proof, engineMs }: BackupRunResult, paint: Paint): string {
  const rows: [string, string][] = [
    ['backup', `${paint.strong(plain(backup.label))} ${backup.type}, repository ${backup.repository}${adopted ? ', made by an earlier attempt' : ''}`],
    ['size', `${bytes(backup.databaseBytes)} of database, ${bytes(backup.repositoryBytes)} added to the repository`],
    ['engine', duration(engineMs)],
    ['markers', markersWords(markers)],
  ];
  const pageErrors = backup.hasPageErrors ? `${paint.bad('the engine noticed damaged pages while it copied')}\n` : '';
  const proven = proof === null ? `${paint.doubt('not proven, as asked')}: \`assay backup prove\` does it\n` : proofText(proof, paint);
  return `${facts(rows, paint)}\n${pageErrors}${proven}`;
}

const markersWords = (markers: readonly MarkerRef[]) =>
  markers.length === 0 ? 'none' : markers.map(({ database, lsn }) => `${plain(database)} at ${lsn}`).join(', ');

/** Steps to go live are there only where the restored cluster was left running. */
export function restoreText({ socket, port, proof, goLive }: BackupRestoreResult, paint: Paint): string {
  if (goLive.length === 0) return `${proofText(proof, paint)}\n${paint.bad('Nothing was left:')} what was restored was taken away\n`;
  const doubt = proof.verdict === 'proven' ? '' : `${paint.doubt('Not proven:')} look before you rely on it. `;
  const steps = goLive.map((step, index) => `  ${index + 1}. ${plain(step)}\n`).join('');
  return `${proofText(proof, paint)}\n${doubt}It runs: socket ${plain(socket)}, port ${port}\n\nTo go live:\n${steps}`;
}

export function expireText({ kept, expired, dryRun, markersRemoved = 0 }: BackupExpireResult, paint: Paint): string {
  const rows = [
    ...kept.map(({ label, because }) => [paint.good('keep'), plain(label), plain(because)]),
    ...expired.map(({ label, because }) => [paint.doubt(dryRun ? 'would expire' : 'expired'), plain(label), plain(because)]),
  ];
  if (rows.length === 0) return 'there is no backup\n';
  const markers = markersRemoved === 0 ? '' : `${markersRemoved} marker(s) removed that no backup left needs\n`;
  return `${table(['', 'BACKUP', 'BECAUSE'], rows, paint)}\n${expired.length === 0 ? 'nothing to expire\n' : ''}${markers}`;
}

export function fingerprintText({ markers, notCovered }: BackupFingerprintResult, paint: Paint): string {
  const rows = markers.map(({ database, lsn, at, id }) => [plain(database), lsn, when(at, paint), id]);
  const left =
    notCovered === 0 ? 'everything is covered\n' : `${paint.doubt(`${notCovered} object(s) are not covered`)}; the certificate names each with its reason\n`;
  return `${table(['DATABASE', 'LSN', 'AT', 'MARKER'], rows, paint)}\n${left}`;
}

export const restorePointText = (cluster: string, { name, lsn, archivedAt }: BackupRestorePointResult, paint: Paint): string =>
  `${facts(
    [
      ['restore point', plain(name)],
      ['lsn', lsn],
      ['archived', when(archivedAt, paint)],
      ['come back', `assay backup restore ${cluster} --to-name ${shellWord(name)} --into DIR`],
    ],
    paint,
  )}\n`;
