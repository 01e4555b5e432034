/** May an approved recommendation be carried out as it is? Everything that can be known before the first statement is. */
import type pg from 'pg';
import { AssayError } from '../../../domain/errors.ts';
import { optimizerPolicyOf } from '../../../domain/optimizer/policy.ts';
import { kindOf, newBytes, type Recommendation, tableOfChange } from '../../../domain/optimizer/recommendation.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import { recommendationDigest } from '../digest.ts';
import type { Prepared } from '../steps/apply.ts';
import { equalIndex, findIndex } from './catalogue.ts';
import type { ApplyStore } from './ports.ts';
import { assertPrimary, ownerToBe } from './session.ts';
import { changeStatements } from './statements.ts';

/** Throws refused-by-guard: it is not what was approved, or the policy protects its table. */
export function assertApproved(recommendation: Recommendation, { digest, policy }: { readonly digest: string; readonly policy: ClusterPolicy }): void {
  const what = `the recommendation ${recommendation.id}`;
  if (recommendationDigest(recommendation) !== digest) {
    const hint = 'look at it with `assay optimizer show`, and approve what it is now';
    throw new AssayError('refused-by-guard', { what, reason: 'its SQL or its evidence is another than what was approved', hint });
  }
  const { protectedTables } = optimizerPolicyOf(policy).limits;
  for (const change of recommendation.indexes) {
    const { schema, relation } = tableOfChange(change);
    if (!protectedTables.includes(`${schema}.${relation}`)) continue;
    throw new AssayError('refused-by-guard', {
      what,
      reason: `the policy protects ${schema}.${relation}`,
      hint: 'take it out of protected_tables in assay.yaml, or refuse the recommendation',
    });
  }
}

interface Question {
  readonly recommendation: Recommendation;
  readonly policy: ClusterPolicy;
  readonly store: ApplyStore;
}

/** Only reads. Throws refused-by-guard, privilege-missing. */
export async function preparedFor(client: pg.Client, { recommendation, policy, store }: Question): Promise<Prepared> {
  await assertPrimary(client, policy.cluster);
  const notes: string[] = [];
  for (const [place, change] of recommendation.indexes.entries()) {
    const statements = [...changeStatements(change.sql), ...changeStatements(change.undo)];
    await ownerToBe(client, tableOfChange(change));
    if (kindOf(change) !== 'create-index' || change.index === null) continue;
    const known = new Set((await store.deeds(recommendation.id, place)).map(({ object }) => object));
    const equal = await equalIndex(client, change.index);
    if (equal !== null && known.size === 0) {
      notes.push(`${change.name}: ${equal} does the same already, it is left as it is`);
      continue;
    }
    for (const statement of statements) {
      if (statement.kind !== 'create-index' || known.has(statement.object) || (await findIndex(client, statement.name)) === null) continue;
      throw new AssayError('refused-by-guard', {
        what: `the change ${change.name}`,
        reason: `there is another index ${statement.object}, which Assay did not make`,
        hint: 'rename or drop it, then approve again',
      });
    }
  }
  return { roomBytes: null, neededBytes: 2 * newBytes(recommendation.indexes), notes };
}
