/** Statistics on columns that go together; ANALYZE fills them, which is a statement of its own. */
import { literal } from '../../pg.ts';
import { type Applying, deedOf, knownDeed, type Outcome } from './applying.ts';
import { findStatistics } from './catalogue.ts';
import { execute } from './locks.ts';
import type { ChangeStatement } from './statements.ts';

/** One try. CREATE STATISTICS is one transaction: it leaves nothing half made. The name holds a digest of the definition: who has it, is it. */
export async function createStatistics(applying: Applying, statement: ChangeStatement & { readonly kind: 'create-statistics' }): Promise<Outcome> {
  const { client, store, recommendation } = applying;
  const deed = deedOf(applying, statement.object, 'create');
  const isThere = (await findStatistics(client, statement.name)) !== null;
  if (isThere && (await knownDeed(applying, statement.object)) === null) return 'already-there';
  if (!isThere) {
    await store.begin(deed);
    await execute(applying, statement.text, 'short');
  }
  await execute(applying, `COMMENT ON STATISTICS ${statement.object} IS ${literal(`assay ${recommendation.id}`)}`, 'short');
  await store.end(deed);
  return 'built';
}
