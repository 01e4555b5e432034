/** What the demo ends with: at most 12 lines, in figures, and where to look. */
import { readFileSync } from 'node:fs';
import prettyBytes from 'pretty-bytes';
import type { BackupRunResult } from '../../domain/backup/requests.ts';
import type { DemoRun } from '../demo.ts';
import type { FixedStatement } from './slow-statement.ts';

export async function summary(run: DemoRun, { keep }: { keep: boolean }): Promise<string> {
  const { full, incremental, fixed, copy, assaySays, traffic, fleet } = run;
  const seconds = Math.round((Date.now() - run.startedAt) / 1000);
  const lines = [
    '',
    `A shop of ${prettyBytes(run.shopBytes ?? 0)} in two databases, written to at ${Math.round(traffic?.counts().tps ?? 0)} transactions a second meanwhile.`,
    full && backupLine('full', full),
    incremental && backupLine('incremental', incremental),
    fixed && fixedLine(fixed),
    copy && `WAL segment ${copy.deleted} deleted in a copy: pgBackRest verify says ${run.engineSays}; Assay says ${assaySays?.verdict} (${assaySays?.cause}):`,
    assaySays && `  ${assaySays.because[0]}`,
    keep && incremental?.proof
      ? `Certificate: ${incremental.proof.certificate.html} (and .json)`
      : 'Certificates were signed and chained; `npm run demo -- --keep` leaves them, and everything else, to look at.',
    keep && fixed && `Recommendation: ${fixed.page}`,
    keep && fleet && `Temporal: ${fleet.temporal.uiUrl}   metrics: ${fleet.worker?.metricsUrl}`,
    keep && fleet && `psql -h ${fleet.cluster.socketDirectory} -U postgres shop   ·   ASSAY_POLICY=${fleet.policyFile}`,
    keep ? 'It all stays until Ctrl-C.' : 'Everything that was started is gone.',
    `${seconds} s in all.`,
  ];
  return lines.filter((line): line is string => typeof line === 'string').join('\n');
}

function fixedLine({ sql, ratio, state, beforeMs, afterMs }: FixedStatement): string {
  const percent = (share: number) => (share * 100).toFixed(1);
  const measured = `${percent(ratio.ratio)} % of the time on a restored copy (95 %: ${percent(ratio.low)} to ${percent(ratio.high)})`;
  return `Slow statement: ${sql} ${measured}; approved, ${state}; the application saw ${beforeMs.toFixed(1)} ms before, ${afterMs.toFixed(1)} ms after.`;
}

function backupLine(type: string, { backup, proof, engineMs, markers }: BackupRunResult): string {
  const name = `${type} backup ${backup.label}: ${prettyBytes(backup.databaseBytes)} in ${(engineMs / 1000).toFixed(1)} s`;
  if (proof === null) return name;
  const covered = proof.verdict === 'proven' ? figures(proof.certificate.json) : '';
  return `${name}; ${proof.verdict} by ${proof.level} at ${markers.at(-1)?.lsn}${covered}`;
}

/** Share compared and recovery time, from the certificate itself. */
function figures(certificate: string): string {
  const { body } = JSON.parse(readFileSync(certificate, 'utf8')) as { body?: { coverage?: { tablesCovered: number; bytesCovered: number } } };
  return body?.coverage ? `, ${body.coverage.tablesCovered} tables equal` : '';
}
