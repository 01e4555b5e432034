/** Is the clone a copy of this cluster, and not of another one that took its place? */
import type { Finding } from './result.ts';

/** Pure. `expected` null: neither the source nor the caller could say. */
export function sameSystem(found: string, expected: string | null): Finding {
  if (expected === null) return { outcome: 'not-applicable', because: [`the clone has system identifier ${found}; the source did not answer`] };
  if (found === expected) return { outcome: 'passed', because: [`system identifier ${found}`] };
  return { outcome: 'unusable', cause: 'system-identifier-differs', because: [`the clone has system identifier ${found}, the source ${expected}`] };
}
