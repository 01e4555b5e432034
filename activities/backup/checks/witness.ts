/** Is the newest witness of the clone the one the marker saw, nonce included? */
import type { Marker, Witness } from '../../../domain/backup/model.ts';
import type { Finding } from './result.ts';

/** Pure. */
export function sameWitness(marker: Marker, found: Witness | null): Finding {
  const { witness } = marker;
  if (witness === null) return { outcome: 'not-applicable', because: ['no witnesses are kept in this database'] };
  if (found === null) return { outcome: 'failed', cause: 'witness-differs', because: [`witness ${witness.id} of ${witness.at} did not come back`] };
  if (found.id !== witness.id) {
    return {
      outcome: 'failed',
      cause: 'witness-differs',
      because: [`the newest witness is ${found.id} of ${found.at}, expected ${witness.id} of ${witness.at}`],
    };
  }
  if (found.nonce !== witness.nonce) return { outcome: 'failed', cause: 'witness-differs', because: [`witness ${witness.id} has another nonce`] };
  return { outcome: 'passed', because: [`newest witness ${found.id} of ${found.at}, nonce equal`] };
}
