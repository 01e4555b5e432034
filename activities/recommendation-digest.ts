/** What an approval is bound to: the changes, whole, with their SQL and its undo, and the evidence. */
import { createHash } from 'node:crypto';
import { canonicalJson, wellFormed } from '../domain/backup/certificate-canonical.ts';
import type { Recommendation } from '../domain/optimizer/recommendation.ts';

type Bound = Pick<Recommendation, 'id' | 'cluster' | 'database' | 'indexes' | 'experiment'>;

/** SHA-256 as hex. Equal before and after the control database kept it; any other change, undo or figure is another digest. */
export function recommendationDigest({ id, cluster, database, indexes, experiment }: Bound): string {
  const bound = { id, cluster, database, indexes, experiment };
  // as jsonb will hold it: what JSON cannot say is null there
  const kept: unknown = JSON.parse(JSON.stringify(bound));
  return createHash('sha256')
    .update(canonicalJson(wellFormed(kept)))
    .digest('hex');
}
