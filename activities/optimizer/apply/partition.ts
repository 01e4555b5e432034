/** The index of a partitioned table: its whole is there at once and empty, each part is built by itself and then attached. */
import { quoteRelation } from '../../../domain/optimizer/index-sql.ts';
import { tableOfChange } from '../../../domain/optimizer/recommendation.ts';
import { type Applying, type Outcome, refused } from './applying.ts';
import { findIndex, parentOf } from './catalogue.ts';
import { execute } from './locks.ts';
import type { ChangeStatement } from './statements.ts';

/** One try. */
export async function attachPart(applying: Applying, statement: ChangeStatement & { readonly kind: 'attach' }): Promise<Outcome> {
  if ((await parentOf(applying.client, statement.part)) === statement.object) return 'built';
  await execute(applying, statement.text, 'short');
  return 'built';
}

/** Why the index serves nobody although every statement went well; null: it is whole. A partition that came after the measuring has no part of it. */
export async function brokenWhole({ client }: Applying, statements: readonly ChangeStatement[]): Promise<string | null> {
  for (const statement of statements) {
    if (statement.kind !== 'create-index') continue;
    const found = await findIndex(client, statement.name);
    if (found?.isWhole === true && !found.isValid) return `${statement.object} does not cover every partition: some came after it was measured`;
  }
  return null;
}

/** Throws refused-by-guard: a change touches its own table and the partitions of it. */
export async function assertOwnTable(applying: Applying, statements: readonly ChangeStatement[]): Promise<void> {
  const own = quoteRelation(tableOfChange(applying.change));
  const named = statements.flatMap((statement) => ('table' in statement ? [quoteRelation(statement.table)] : []));
  const others = named.filter((table) => table !== own);
  if (others.length === 0) return;
  const { rows } = await applying.client.query<{ isPart: boolean }>(
    `/* assay optimizer */ select exists (select from pg_partition_tree(to_regclass($1)) p where p.relid = to_regclass(t)) as "isPart" from unnest($2::text[]) t`,
    [own, others],
  );
  if (rows.some(({ isPart }) => !isPart)) throw refused(applying, `its SQL is about a table that is no partition of ${own}`);
}
