import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ColumnSample, type ParameterFacts, syntheticBindings } from '../../domain/optimizer/synthetic.ts';
import { absentValue, typeDefault } from '../../domain/optimizer/type-values.ts';

const now = '2026-01-01 00:00:00+00';
const sample = (over: Partial<ColumnSample> = {}): ColumnSample => ({ common: [], bounds: [], isUnique: false, isReference: false, ...over });
const parameter = (over: Partial<ParameterFacts> = {}): ParameterFacts => ({
  type: 'integer',
  use: 'equal',
  column: 's.t.c',
  sample: null,
  labels: [],
  known: null,
  joint: null,
  ...over,
});

const hundred = Array.from({ length: 101 }, (_, at) => String(at));

const bindings = (parameters: ParameterFacts[], maxBindings = 4) => syntheticBindings(parameters, { maxBindings, now });
const byCase = (parameters: ParameterFacts[]) => Object.fromEntries((bindings(parameters) ?? []).map((one) => [one.case, one.values]));

describe('each case has its value', () => {
  test('equality: the commonest, the middle of the others, a rare one, none', () => {
    const skewed = sample({ common: ['7', '9'], bounds: hundred });
    expect(byCase([parameter({ sample: skewed })])).toEqual({ common: ['7'], quantile: ['50'], rare: ['20'], absent: ['1100'] });
  });

  test('each parameter of a list another one', () => {
    const one = parameter({ sample: sample({ common: ['7', '9'], bounds: hundred }) });
    expect(byCase([one, one, one]).common).toEqual(['7', '9', '52']);
  });

  test('a range by both ends is a window, by one end what is greatest or least', () => {
    const of = (use: 'above' | 'below') => parameter({ use, sample: sample({ bounds: hundred }) });
    expect(byCase([of('above'), of('below')])).toEqual({ common: ['45', '55'], quantile: ['25', '75'], rare: ['50', '51'], absent: ['100', '100'] });
    expect(byCase([of('above')])).toEqual({ common: ['90'], quantile: ['50'], rare: ['99'], absent: ['100'] });
    expect(byCase([of('below')])).toEqual({ common: ['10'], quantile: ['50'], rare: ['1'], absent: ['0'] });
  });

  test('patterns begin like a value, with its own wildcards escaped', () => {
    expect(byCase([parameter({ type: 'text', use: 'pattern', sample: sample({ common: ['5%_x'] }) })]).common).toEqual(['5\\%\\_%']);
  });

  test('an array holds several values, quoted', () => {
    expect(byCase([parameter({ type: 'text[]', sample: sample({ common: ['a"b', 'c\\d', 'e,f'] }) })]).common).toEqual(['{"a\\"b","c\\\\d","e,f"}']);
  });

  test('what is inserted in a unique column is new, in a foreign key there', () => {
    const inserted = (over: Partial<ColumnSample>) => byCase([parameter({ use: 'inserted', sample: sample({ common: ['5'], ...over }) })]).common;
    expect(inserted({ isUnique: true })).toEqual(['1005']);
    expect(inserted({ isReference: true, isUnique: true })).toEqual(['5']);
    expect(inserted({})).toEqual(['5']);
  });

  test('limits are small, units and zones are ones, JSON lists are lists', () => {
    const uses = (['limit', 'offset', 'unit', 'zone'] as const).map((use) => parameter({ type: 'text', use, column: null }));
    expect(byCase([...uses, parameter({ type: 'json', use: 'list', column: null })]).common).toEqual(['20', '0', 'day', 'UTC', '[]']);
  });

  test('values that occur together come before those of each column', () => {
    const joint = { common: '1', quantile: '2', rare: '3' };
    expect(byCase([parameter({ sample: sample({ common: ['7'], bounds: hundred }), joint })])).toEqual({
      common: ['1'],
      quantile: ['2'],
      rare: ['3'],
      absent: ['1100'],
    });
  });

  test('a value that the text gives stays', () => {
    expect(byCase([parameter({ known: 'month', sample: sample({ common: ['5'] }) })])).toEqual({ common: ['month'] });
  });
});

describe('only the generic plan is left', () => {
  test('where a parameter that decides about rows has a type without values', () => {
    expect(bindings([parameter({ type: 'tsvector', column: null, use: 'other' })])).toBeNull();
  });

  test('but not where it is only stored or shown', () => {
    for (const use of ['inserted', 'written', 'projected'] as const) expect(byCase([parameter({ type: 'tsvector', use })]).common).toEqual([null]);
  });
});

const facts = fc.record({
  type: fc.constantFrom('integer', 'bigint', 'smallint', 'text', 'numeric', 'uuid', 'boolean', 'integer[]', 'date', 'timestamp with time zone'),
  use: fc.constantFrom('equal', 'above', 'below', 'inserted', 'written', 'other', 'limit', 'pattern', 'projected'),
  column: fc.constantFrom('a', 'b', null),
  sample: fc.option(
    fc.record({
      common: fc.uniqueArray(fc.integer({ min: -50, max: 50 }).map(String), { maxLength: 5 }),
      bounds: fc.uniqueArray(fc.integer({ min: 51, max: 500 }), { maxLength: 30 }).map((list) => list.sort((a, b) => a - b).map(String)),
      isUnique: fc.boolean(),
      isReference: fc.boolean(),
    }),
  ),
  labels: fc.constant([]),
  known: fc.option(fc.string(), { freq: 10 }),
  joint: fc.constant(null),
}) as fc.Arbitrary<ParameterFacts>;

describe('for any parameters', () => {
  test('never more bindings than asked, none twice, a value for each parameter, the first one common', () => {
    fc.assert(
      fc.property(fc.array(facts, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 6 }), (parameters, maxBindings) => {
        const found = bindings(parameters, maxBindings) ?? [];
        expect(found.length).toBeGreaterThan(0);
        expect(found.length).toBeLessThanOrEqual(maxBindings);
        expect(new Set(found.map(({ values }) => JSON.stringify(values))).size).toBe(found.length);
        for (const { values } of found) expect(values).toHaveLength(parameters.length);
        expect(found[0]?.case).toBe('common');
      }),
    );
  });

  test('an absent value is none of those that are there, and each its own', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('integer', 'smallint', 'bigint', 'numeric', 'text', 'uuid', 'date'),
        fc.array(fc.integer({ min: -1000, max: 32_000 }).map(String)),
        (type, present) => {
          const found = [0, 1, 2].map((ordinal) => absentValue(type, { ordinal, present }) as string);
          expect(new Set(found).size).toBe(3);
          for (const value of found) expect(present).not.toContain(value);
          if (type === 'smallint') for (const value of found) expect(Number(value)).toBeLessThanOrEqual(32_767);
        },
      ),
    );
  });

  test('types with lengths and schemas have values too', () => {
    const has = (type: string) => typeDefault(type, { now, isCompared: true }) !== null;
    expect(['numeric(10,2)', 'character varying(40)', 'timestamp(3) without time zone', 'public.citext', 'text[]'].map(has)).toEqual([
      true,
      true,
      true,
      true,
      true,
    ]);
    expect(has('tsvector')).toBe(false);
  });
});
