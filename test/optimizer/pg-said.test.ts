/** What is said of an error of PostgreSQL: enough to know what happened, and never a value. */
import { describe, expect, test } from 'vitest';
import { reasonByCode, scrubbedReason } from '../../activities/pg-errors.ts';

const thrown = (code: string, message: string, fields: object = {}) => Object.assign(new Error(message), { code, ...fields });

describe('what is said of an error', () => {
  test.each([
    ['23505', 'duplicate key value violates unique constraint "visit_pkey"', { constraint: 'visit_pkey', table: 'visit' }, ' (visit_pkey of visit)'],
    ['23502', 'null value in column "who" of relation "visit" violates not-null constraint', { column: 'who', table: 'visit' }, ' (who of visit)'],
    ['23514', 'no partition of relation "visit" found for row', { table: 'visit' }, ' (of visit)'],
    ['22012', 'division by zero', {}, ''],
    ['21000', 'more than one row returned by a subquery used as an expression', {}, ''],
    ['22001', 'value too long for type character varying(3)', {}, ''],
  ])('%s: %s', (code, message, fields, names) => {
    const words = `PostgreSQL error ${code}: ${message.replaceAll(/"[^"]*"/g, '…')}${names}`;
    expect(reasonByCode(thrown(code, message, fields))).toBe(words);
    if (/^2[23]/.test(code)) expect(scrubbedReason(thrown(code, message, fields))).toBe(words);
  });

  test.each([
    ['22P02', 'invalid input syntax for type integer: "whisper"', 'invalid input syntax for type integer'],
    ['22P02', 'invalid input syntax for type integer: "whis"per"', 'a value that does not fit'],
    ['22P02', 'invalid input value for enum mood: "whisper"', 'invalid input value for enum'],
    ['22003', 'value "whisper" is out of range for type integer', 'value … is out of range for type integer'],
    ['22008', 'date/time field value out of range: "whisper"', 'date/time field value out of range'],
    ['42883', 'function whisper(integer) does not exist', 'function does not exist'],
    ['42704', 'role "whisper" does not exist', 'role … does not exist'],
    ['22999', 'whisper', 'a value that does not fit'],
    ['P0001', 'whisper', 'raised by a function of the database, whose words may hold values'],
    ['ZZ999', 'whisper', 'its words are left out, they may hold values'],
  ])('%s %s without its value', (code, message, words) => {
    expect(reasonByCode(thrown(code, message))).toBe(`PostgreSQL error ${code}: ${words}`);
  });

  test('a function that raises with the words, the code and the names of PostgreSQL is not repeated', () => {
    const forged = thrown('23505', 'duplicate key value violates unique constraint "x"', { routine: 'exec_stmt_raise', constraint: 'whisper' });
    expect(reasonByCode(forged)).not.toContain('whisper');
    expect(reasonByCode(forged)).toContain('raised by a function');
  });
});
