import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { btree, columnKey, indexText } from '../../domain/optimizer/index-sql.ts';
import type { ExistingIndex, IndexDefinition } from '../../domain/optimizer/model.ts';
import { coveredBy, covers, removals, withoutRedundant } from '../../domain/optimizer/redundancy.ts';

const table = { schema: 'public', relation: 't' };
const on = (...columns: string[]) => btree(table, columns);
const descending = (column: string) => ({ ...columnKey(column), descending: true });

describe('covers', () => {
  test.each<[string, IndexDefinition, IndexDefinition, boolean]>([
    ['a prefix', on('a', 'b'), on('a'), true],
    ['itself', on('a'), on('a'), true],
    ['the same columns in another order do not', on('a', 'b'), on('b'), false],
    ['a prefix whose INCLUDE is held as key', on('a', 'b'), btree(table, ['a'], ['b']), true],
    ['a prefix whose INCLUDE is not held', on('a', 'b'), btree(table, ['a'], ['c']), false],
    ['INCLUDE does not serve as key', btree(table, ['a'], ['b']), on('a', 'b'), false],
    ['the same read backwards', on('a', 'b'), { ...on('a'), keys: [descending('a')] }, true],
    ['one column backwards only', on('a', 'b'), { ...on('a', 'b'), keys: [columnKey('a'), descending('b')] }, false],
    ['a partial one does not cover all rows', { ...on('a', 'b'), predicate: 'c' }, on('a'), false],
    ['of equal predicates', { ...on('a', 'b'), predicate: 'c' }, { ...on('a'), predicate: 'c' }, true],
    ['another operator class', on('a', 'b'), { ...on('a'), keys: [{ ...columnKey('a'), operatorClass: 'text_pattern_ops' }] }, false],
    ['a unique one guards something', on('a', 'b'), { ...on('a'), unique: true }, false],
    ['a hash index has no prefix', { ...on('a'), method: 'hash' }, on('a'), false],
    ['another table', on('a', 'b'), btree({ schema: 's', relation: 't' }, ['a']), false],
  ])('%s', (_, wide, narrow, expected) => expect(covers(wide, narrow)).toBe(expected));
});

const anyIndex = fc
  .record({ keys: fc.shuffledSubarray(['a', 'b', 'c'], { minLength: 1 }), include: fc.shuffledSubarray(['x', 'y']), backwards: fc.boolean() })
  .map(({ keys, include, backwards }) => ({ ...btree(table, [], include), keys: keys.map((column) => ({ ...columnKey(column), descending: backwards })) }));

test('a pruned set covers what the whole set covered, and nothing in it covers another', () => {
  fc.assert(
    fc.property(fc.array(anyIndex), fc.array(anyIndex, { maxLength: 2 }), (set, existing) => {
      const kept = withoutRedundant(set, existing);
      for (const index of set) expect([...kept, ...existing].some((other) => covers(other, index))).toBe(true);
      for (const index of kept) expect(coveredBy(index, [...kept, ...existing])).toBeNull();
      expect(new Set(kept.map(indexText)).size).toBe(kept.length);
    }),
  );
});

describe('removals', () => {
  const there = (name: string, index: IndexDefinition, more: Partial<ExistingIndex> = {}): ExistingIndex => ({
    ...index,
    name,
    sizeBytes: 8192,
    isValid: true,
    isConstraint: false,
    scans: 1,
    ...more,
  });
  const named = (...indexes: ExistingIndex[]) =>
    removals({ table, kind: 'table', rows: 1, sizeBytes: 1, columns: [], writesPerRead: null, indexes }).map(
      ({ index, because }) => `${index.name} ${because}`,
    );

  test('a prefix goes', () => expect(named(there('wide', on('a', 'b')), there('narrow', on('a'))).toString()).toBe('narrow redundant-prefix'));
  test('of two duplicates the busier one stays', () =>
    expect(named(there('busy', on('a'), { scans: 9 }), there('idle', on('a'))).toString()).toBe('idle duplicate'));
  test('what a constraint stands on stays', () =>
    expect(named(there('key', { ...on('a'), unique: true }, { isConstraint: true }), there('wide', on('a', 'b')))).toEqual([]));
  test('the plain twin of a key goes', () =>
    expect(named(there('key', { ...on('a'), unique: true }, { isConstraint: true }), there('twin', on('a'))).toString()).toBe('twin duplicate'));
  test('an invalid index goes, and is no reason for another to go', () =>
    expect(named(there('broken', on('a', 'b'), { isValid: false }), there('fine', on('a')))).toEqual(['broken invalid']));
  test('a unique index stays though a wider one begins with its columns', () =>
    expect(named(there('unique', { ...on('a'), unique: true }), there('wide', on('a', 'b')))).toEqual([]));
});
