import fc from 'fast-check';
import pg from 'pg';
import { expect, test } from 'vitest';
import { btree, columnKey, createIndexSql, indexName, indexText, quoteName } from '../../domain/optimizer/index-sql.ts';
import type { IndexDefinition } from '../../domain/optimizer/model.ts';

const orders = { schema: 'public', relation: 'orders' };

test('quotes every name as the driver does', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (name) => quoteName(name) === pg.escapeIdentifier(name)));
  expect(quoteName('a"; DROP TABLE x; --')).toBe('"a""; DROP TABLE x; --"');
});

test('writes the whole statement', () => {
  const index: IndexDefinition = {
    table: { schema: 'my.schema', relation: 'Or"ders' },
    method: 'btree',
    keys: [
      { ...columnKey('state'), operatorClass: 'text_pattern_ops' },
      { ...columnKey('at'), descending: true, nullsFirst: false },
      { ...columnKey(''), column: null, expression: 'lower(name)' },
    ],
    include: ['total'],
    predicate: "state = 'open'",
    unique: true,
  };
  expect(createIndexSql(index, 'i', { concurrently: true })).toBe(
    `CREATE UNIQUE INDEX CONCURRENTLY "i" ON "my.schema"."Or""ders" USING btree ("state" text_pattern_ops, "at" DESC NULLS LAST, (lower(name))) INCLUDE ("total") WHERE (state = 'open')`,
  );
});

test('a default that is spelled out, and the order of INCLUDE, are no difference', () => {
  const plain = btree(orders, ['a'], ['b', 'c']);
  const spelled = { ...plain, keys: [{ ...columnKey('a'), nullsFirst: false }], include: ['c', 'b'] };
  expect(indexText(spelled)).toBe(indexText(plain));
  expect(indexText({ ...plain, keys: [{ ...columnKey('a'), nullsFirst: true }] })).not.toBe(indexText(plain));
});

test('names fit into 63 bytes whatever the columns are called, and differ where the definitions differ', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { minLength: 1, maxLength: 8 }), (columns) => {
      const name = indexName(btree(orders, columns));
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
      expect(name).toMatch(/^orders_/);
      expect(name).not.toBe(indexName(btree(orders, columns, ['more'])));
    }),
  );
});
