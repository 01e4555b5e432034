/** What retention asks: how does each backup stand? */
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Proof, ProofSummary } from '../../../domain/backup/proof.ts';
import { summaryOf } from './issue.ts';

interface Row {
  readonly document: Proof;
  readonly json: string | null;
  readonly html: string | null;
}

/**
 * The newest proof of each backup that says something: a test that could not be made does not take back an earlier verdict,
 * and stands only where there is no other. The newest by its place in the chain: a clock may have run ahead. Newest backup first.
 */
export async function provenBackups(em: EntityManager, cluster: string): Promise<ProofSummary[]> {
  const rows = await em.execute<Row[]>(
    `select document, json, html from (
       select distinct on (p.repository, p.backup) p.document, c.json_path as json, c.html_path as html, p.backup, p.finished_at
       from assay_control.proof p left join assay_control.certificate c on c.proof = p.id
       where p.cluster = ? and p.backup <> ''
       order by p.repository, p.backup, p.verdict = 'inconclusive', c.sequence desc nulls last, p.finished_at desc, p.id) newest
     order by backup desc, finished_at desc`,
    [cluster],
  );
  return rows.map(({ document, json, html }) => summaryOf(document, { json: json ?? '', html: html ?? '' }));
}
