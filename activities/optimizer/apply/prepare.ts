/** May an approved recommendation be carried out as it is? Everything that can be known before the first statement is. */
import type pg from 'pg';
import { AssayError } from '../../../domain/errors.ts';
import { optimizerPolicyOf } from '../../../domain/optimizer/policy.ts';
import { isAdvised, kindOf, newBytes, type Recommendation, type RecommendedIndex, tableOfChange } from '../../../domain/optimizer/recommendation.ts';
import type { ClusterPolicy } from '../../../domain/policy.ts';
import { recommendationDigest } from '../../recommendation-digest.ts';
import type { Prepared } from '../steps/apply.ts';
import { equalIndex, isTaken } from './catalogue.ts';
import type { ApplyStore } from './ports.ts';
import { roomFor } from './room.ts';
import { assertPrimary, assertRights, type MissingRight, ownerToBe } from './session.ts';
import { changeStatements } from './statements.ts';

/** Throws refused-by-guard: it is not what was approved, or the policy protects its table. */
export function assertApproved(recommendation: Recommendation, { digest, policy }: { readonly digest: string; readonly policy: ClusterPolicy }): void {
  const what = `the recommendation ${recommendation.id}`;
  if (recommendationDigest(recommendation) !== digest) {
    const hint = 'look at it with `assay optimizer show`, and approve what it is now';
    throw new AssayError('refused-by-guard', { what, reason: 'its SQL or its evidence is another than what was approved', hint });
  }
  const advice = recommendation.indexes.map(kindOf).find(isAdvised);
  if (advice !== undefined) {
    const hint = 'do what it says in the application; its approval is noted';
    throw new AssayError('refused-by-guard', { what, reason: `a ${advice} is advice, which Assay never carries out`, hint });
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
  await assertAllRights(client, recommendation);
  const notes: string[] = [];
  for (const [place, change] of recommendation.indexes.entries()) {
    const known = new Set((await store.deeds(recommendation.id, place)).map(({ object }) => object));
    const note = known.size > 0 ? null : await standsAlready(client, change);
    if (note !== null) notes.push(note);
    else await assertNamesFree(client, change, known);
  }
  const room = await roomsOf(client, { recommendation, policy });
  if (room.roomBytes === null) notes.push('the worker is not beside the cluster: whether there is room for the indexes is not known');
  return { ...room, notes };
}

/** Of all its changes at once: whoever grants does it once. Throws refused-by-guard, privilege-missing. */
async function assertAllRights(client: pg.Client, { indexes }: Recommendation): Promise<void> {
  const missing: MissingRight[] = [];
  for (const change of indexes) {
    changeStatements(change.undo);
    missing.push(...(await ownerToBe(client, tableOfChange(change))).missing);
  }
  assertRights(missing);
}

/** null: it does not. */
async function standsAlready(client: pg.Client, change: RecommendedIndex): Promise<string | null> {
  if (kindOf(change) !== 'create-index' || change.index === null) return null;
  const equal = await equalIndex(client, change.index);
  return equal === null ? null : `${change.name}: ${equal} does the same already, it is left as it is`;
}

async function assertNamesFree(client: pg.Client, change: RecommendedIndex, known: ReadonlySet<string>): Promise<void> {
  for (const statement of changeStatements(change.sql)) {
    if (statement.kind !== 'create-index' || known.has(statement.object) || !(await isTaken(client, statement.name))) continue;
    throw new AssayError('refused-by-guard', {
      what: `the change ${change.name}`,
      reason: `there is another relation ${statement.object}, which Assay did not make`,
      hint: 'rename or drop it, then approve again',
    });
  }
}

/** A build needs the index's bytes, and about as many again while it sorts. Throws refused-by-guard where they are not there. */
async function roomsOf(client: pg.Client, { recommendation, policy }: Pick<Question, 'recommendation' | 'policy'>) {
  const neededBytes = 2 * newBytes(recommendation.indexes);
  const [first] = recommendation.indexes;
  const roomBytes = first === undefined ? null : await roomFor(client, policy.connection, tableOfChange(first));
  if (roomBytes === null || roomBytes >= neededBytes) return { roomBytes, neededBytes };
  throw new AssayError('refused-by-guard', {
    what: `the recommendation ${recommendation.id}`,
    reason: `there are ${roomBytes} bytes free where its indexes would be, building them needs ${neededBytes}`,
    hint: 'make room there, then approve again',
  });
}
