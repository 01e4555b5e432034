/** Which indexes say nothing that another one does not say already. */
import { indexText, keyText } from './index-sql.ts';
import type { Candidate, ExistingIndex, IndexDefinition, IndexKey, TableFacts } from './model.ts';

/** Same definition under another name. A unique one is more than its plain twin. */
export const isDuplicate = (one: IndexDefinition, other: IndexDefinition): boolean => indexText(one) === indexText(other);

/**
 * Every scan that `narrow` serves, `wide` serves as well: its keys begin `wide`'s (all read forwards or all backwards), its further columns are in
 * `wide`, both hold the same rows. A unique index is never covered: it guards something. An index covers itself.
 */
export function covers(wide: IndexDefinition, narrow: IndexDefinition): boolean {
  if (narrow.unique && !isDuplicate(wide, narrow)) return false;
  if (wide.method !== narrow.method || !isSameTable(wide, narrow) || wide.predicate !== narrow.predicate) return false;
  if (wide.method !== 'btree') return isDuplicate({ ...wide, unique: narrow.unique }, narrow);
  if (!beginsWith(wide.keys, narrow.keys, keyText) && !beginsWith(wide.keys, narrow.keys, backwards)) return false;
  const held = new Set([...wide.keys.map(({ column }) => column), ...wide.include]);
  return narrow.include.every((column) => held.has(column));
}

/** The first of the others that covers it; an invalid index covers nothing. */
export function coveredBy<T extends IndexDefinition>(index: IndexDefinition, others: readonly T[]): T | null {
  return others.find((other) => other !== index && isUsable(other) && covers(other, index)) ?? null;
}

/** The set without those that another of the set, or an existing index, covers; of two equal ones the first stays. */
export function withoutRedundant(set: readonly IndexDefinition[], existing: readonly IndexDefinition[]): IndexDefinition[] {
  let kept: IndexDefinition[] = [...set];
  // one by one: two that read as each other backwards cover each other, and one of them must stay
  for (const index of set.toReversed()) {
    if (coveredBy(index, existing) !== null || coveredBy(index, kept) !== null) kept = kept.filter((other) => other !== index);
  }
  return kept;
}

/** Existing indexes of a table that could go: invalid ones, duplicates, prefixes of others. What a constraint stands on is never named; of two duplicates one stays. */
export function removals(facts: TableFacts): Extract<Candidate, { kind: 'drop-index' }>[] {
  const gone = new Set<ExistingIndex>();
  const found: Extract<Candidate, { kind: 'drop-index' }>[] = [];
  // least used first: of two equal ones the busier stays
  for (const index of facts.indexes.toSorted((a, b) => a.scans - b.scans || b.name.localeCompare(a.name))) {
    const because = whyRemovable(
      index,
      facts.indexes.filter((other) => !gone.has(other)),
    );
    if (because === null) continue;
    gone.add(index);
    found.push({ kind: 'drop-index', index, because });
  }
  return found;
}

function whyRemovable(index: ExistingIndex, others: readonly ExistingIndex[]): 'invalid' | 'duplicate' | 'redundant-prefix' | null {
  if (index.isConstraint) return null;
  if (!index.isValid) return 'invalid';
  const by = coveredBy(
    { ...index, unique: false },
    others.filter((other) => other !== index),
  );
  if (index.unique) return others.some((other) => other !== index && other.isValid && isDuplicate(other, index)) ? 'duplicate' : null;
  if (by === null) return null;
  return by.keys.length === index.keys.length && by.include.length === index.include.length ? 'duplicate' : 'redundant-prefix';
}

const isSameTable = (a: IndexDefinition, b: IndexDefinition): boolean => a.table.schema === b.table.schema && a.table.relation === b.table.relation;

const isUsable = (index: IndexDefinition): boolean => !('isValid' in index) || index.isValid === true;

function beginsWith(wide: readonly IndexKey[], narrow: readonly IndexKey[], text: (key: IndexKey) => string): boolean {
  return narrow.length <= wide.length && narrow.every((key, place) => text(key) === keyText(wide[place] as IndexKey));
}

/** The key as a backward scan reads it. */
function backwards(key: IndexKey): string {
  const nullsFirst = key.nullsFirst ?? key.descending;
  return keyText({ ...key, descending: !key.descending, nullsFirst: !nullsFirst });
}
