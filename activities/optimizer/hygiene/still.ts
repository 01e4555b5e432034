/** Is a removal still what it was when it was measured? Asked of the source right before anything is dropped. Reads only. */
import type pg from 'pg';
import { replaces } from '../../../domain/optimizer/hygiene.ts';
import type { IndexChange } from '../../../domain/optimizer/recommendation.ts';
import { readIndexesOf } from './read.ts';

/** Why it must not go any more, in words; empty: it may, or is gone already. */
export async function againstRemoval(client: pg.Client, { name, index: { table }, rests }: IndexChange): Promise<readonly string[]> {
  const indexes = await readIndexesOf(client, table);
  const index = indexes.find((each) => each.name === name);
  if (index === undefined) return [];
  const because = index.holds.map((hold) => `${name} is needed by now: ${hold}`);
  // one that is not valid is read by nobody, and replaced by anything
  if (rests === undefined || !index.isValid) return because;
  const { on, scans } = rests;
  if (on === null) return index.scans > scans ? [...because, `${name} was read ${index.scans - scans} time(s) since it was measured`] : because;
  const isThere = indexes.some((other) => other.name === on && other.isValid && replaces(other, index));
  return isThere ? because : [...because, `${on}, which served what ${name} does, is not there any more`];
}
