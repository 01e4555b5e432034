/** The certificate as one page that needs nothing but itself: no script, no request, no font from elsewhere. */

import type { Certificate, CertificateBody, CertificateObjective } from '../../../../domain/backup/certificate-schema.ts';
import { plural, sayBytes, sayDuration, sayInstant, sayShare, sayTarget } from '../../../../domain/backup/certificate-words.ts';
import { type Html, html, shorten } from '../../../../domain/html.ts';
import { checkList } from './checks.ts';
import { coverage } from './coverage.ts';
import { band } from './guilloche.ts';
import { recoveryPoint, recoveryTime } from './phases.ts';
import { seal, sealWords } from './seal.ts';
import { style } from './style.ts';
import { timeline } from './timeline.ts';

const NOTHING_FROM_OUTSIDE = "default-src 'none'; style-src 'unsafe-inline'";

export function certificatePage(certificate: Certificate): string {
  const { body, hash } = certificate;
  const { title } = sealWords(body.verdict);
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${NOTHING_FROM_OUTSIDE}"><meta name="color-scheme" content="light dark">
<title>${title}: ${body.cluster.name}, ${sayInstant(body.provenAt ?? body.run.finishedAt)}</title>
<style>${{ html: style }}</style></head>
<body class="${body.verdict.outcome}"><main class="sheet">${band(hash, 880, 26)}
<header><div><p class="over"><b>Assay</b> · Restore certificate № ${body.sequence}</p><h1>${body.cluster.name}</h1>
<p class="place"><span class="chip">${body.cluster.environment}</span> system ${body.cluster.systemIdentifier} · timeline ${body.cluster.timeline} · repository ${body.cluster.repository} · issued ${sayInstant(body.issuedAt)}</p>
<p class="claim">${claim(body)}</p></div>${seal(body.verdict, hash)}</header>
${figures(body)}${because(body.verdict)}
${timelineSection(body)}
<section class="pair"><div><h2>Recovery time</h2>${recoveryTime(body.recovery)}</div><div><h2>Recovery point</h2>${recoveryPoint(body.recovery)}</div></section>
<section><h2>What was compared</h2>${coverage(body)}</section>
<section><h2>Backups it stands on</h2>${backups(body.backups)}</section>
<section class="long"><h2>Checks</h2>${checkList(body.checks)}</section>
<section class="limits"><h2>What this does not prove</h2><ul>${body.notProven.map((sentence) => html`<li>${sentence}</li>`)}</ul></section>
${signature(certificate)}
<footer>${footer(body)}</footer></main></body></html>
`.html;
}

function timelineSection(body: CertificateBody): Html {
  const picture = timeline(body);
  return picture.html === '' ? picture : html`<section><h2>From backup to proof</h2>${picture}</section>`;
}

/** The whole certificate in one sentence. */
function claim(body: CertificateBody): Html {
  const { verdict, target, backups } = body;
  const backup = backups.at(-1);
  const from = backup === undefined ? html`its backups` : html`the ${backup.type} backup <span class="mono">${shorten(backup.label, 40)}</span>`;
  const to = target.asked === null ? '' : html` to ${sayTarget(target.asked)}`;
  switch (verdict.outcome) {
    case 'proven':
      return html`<strong>Restored and ${verdict.level === 'content' ? 'equal.' : 'started.'}</strong> From ${from} a server was brought back${to}${
        verdict.level === 'content'
          ? html`, and the content of ${plural(body.coverage.tablesCovered, 'table')} was found equal to the source as it was at that moment.`
          : html`, and it passed every check of its structure. Its content was not compared.`
      }`;
    case 'failed':
      return html`<strong>A fault was found: ${(verdict.cause ?? 'unknown').replaceAll('-', ' ')}.</strong> A restore from ${from}${to} did not give back what it should.`;
    case 'inconclusive':
      return html`<strong>The test could not be made: ${(verdict.cause ?? 'unknown').replaceAll('-', ' ')}.</strong> Nothing is known about a restore from ${from}${to}, neither good nor bad.`;
  }
}

function figures({ provenAt, recovery, coverage: covered, verdict }: CertificateBody): Html {
  const good = verdict.outcome === 'proven';
  return html`<dl class="figures"><div><dt>${good ? 'Proven moment' : 'Moment tested'}</dt><dd>${provenAt === null ? '–' : sayInstant(provenAt).slice(11, 19)}<small>${provenAt === null ? 'none was reached' : `${sayInstant(provenAt).slice(0, 10)}, UTC`}</small></dd></div>
<div><dt>Recovery time</dt><dd>${measured(recovery.rto)}<small>${against(recovery.rto)}</small></dd></div>
<div><dt>Recovery point</dt><dd>${measured(recovery.rpo)}<small>${against(recovery.rpo)}</small></dd></div>
<div><dt>Content compared</dt><dd>${covered.bytes === 0 ? '–' : sayShare(covered.share)}<small>${covered.bytes === 0 ? 'nothing was compared' : `${sayBytes(covered.bytesCovered)} of ${sayBytes(covered.bytes)}`}</small></dd></div></dl>`;
}

const measured = ({ measuredMs }: CertificateObjective) => (measuredMs === null ? '–' : sayDuration(measuredMs));

function against({ objectiveMs, outcome }: CertificateObjective): Html {
  if (objectiveMs === null) return html`no objective set`;
  if (outcome === 'not-measured') return html`not measured; objective ${sayDuration(objectiveMs)}`;
  return html`<b class="${outcome}">${outcome}</b>: objective ${sayDuration(objectiveMs)}`;
}

function because({ because: sentences, findings }: CertificateBody['verdict']): Html {
  if (sentences.length + findings.length === 0) return html``;
  return html`<ul class="because">${sentences.map((sentence) => html`<li>${sentence}</li>`)}${findings.map((finding) => html`<li><span class="tag">Finding</span> ${finding.text}</li>`)}</ul>`;
}

function backups(chain: CertificateBody['backups']): Html {
  if (chain.length === 0) return html`<p class="legend">No backup could be chosen.</p>`;
  return html`<div class="scroll"><table><thead><tr><th>Label</th><th>Type</th><th>Finished</th><th>Write-ahead log</th><th class="num">Database</th><th class="num">In repository</th></tr></thead><tbody>${chain.map(
    (
      backup,
      at,
    ) => html`<tr class="${at === chain.length - 1 ? 'restored' : 'base'}"><td class="mono">${backup.label}</td><td>${backup.type}</td><td>${sayInstant(backup.stoppedAt)}</td>
<td class="mono">${backup.startLsn} – ${backup.stopLsn}</td><td class="num">${sayBytes(backup.databaseBytes)}</td><td class="num">${sayBytes(backup.repositoryBytes)}</td></tr>`,
  )}</tbody></table></div>`;
}

function signature({ body, hash, signature: signed }: Certificate): Html {
  return html`<section><h2>Signature and chain</h2><dl class="signature"><dt>Document</dt><dd class="mono">${hash}</dd>
<dt>Before it</dt><dd class="mono">${body.previous ?? 'none: the first of this cluster'}</dd><dt>Signed</dt><dd class="mono">${signed.algorithm} ${signed.value}</dd><dt>Key</dt><dd class="mono">${signed.key}</dd></dl>
<p class="verify">Check it with the public key, which must come from somewhere else than this page: <span class="mono">assay backup verify-certificate FOLDER --key KEY.pub</span>. The pattern of the seal is drawn from the document's hash.</p></section>`;
}

function footer({ run, versions, id }: CertificateBody): Html {
  return html`Proof <span class="mono">${id}</span>, made by <span class="mono">${run.madeBy}</span> on ${run.host}, ${sayInstant(run.startedAt)} to ${sayInstant(run.finishedAt)} (${sayDuration(Date.parse(run.finishedAt) - Date.parse(run.startedAt))}).
Assay ${versions.assay} · ${versions.engine} · source PostgreSQL ${versions.source} · clone PostgreSQL ${versions.clone} · Node ${versions.node} · ${versions.operatingSystem}.`;
}
