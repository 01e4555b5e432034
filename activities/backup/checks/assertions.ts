/** The user's own questions to the clone, asked as a role that may only read. Neither their answers nor their errors' details are kept. */
import type { Assertion } from '../../../domain/policy.ts';
import { reasonByCode } from '../../pg-errors.ts';
import { counted, type Finding, type OnClone } from './result.ts';
import { asChecker } from './scaffold.ts';

const LONGEST_MS = 60_000;

type Row = readonly (string | null)[];

/** One question: SELECT or VALUES. An assertion that cannot be asked is `unusable`: it says nothing about the backup. */
export async function assertion(on: OnClone, asked: Assertion): Promise<Finding> {
  try {
    return compare(asked, await answer(on, asked));
  } catch (error) {
    return { outcome: 'unusable', cause: 'assertion-failed', because: [`assertion ${asked.name} could not be asked: ${reasonByCode(error)}`] };
  }
}

async function answer(on: OnClone, { database, sql, expect }: Assertion): Promise<readonly Row[]> {
  const settings = { DateStyle: 'ISO, MDY', IntervalStyle: 'postgres', extra_float_digits: '1', bytea_output: 'hex' };
  return asChecker(on, { database, timeoutMs: LONGEST_MS, settings }, async (client) => {
    await client.query('begin read only');
    // the extended protocol takes one statement only, and a cursor only one that reads
    const cursor = { text: `declare assay_assertion no scroll cursor for ${sql.replace(/;\s*$/, '')}`, queryMode: 'extended' };
    await client.query(cursor);
    const asText = { getTypeParser: () => (value: string | Buffer) => value };
    const { rows } = await client.query<(string | null)[]>({
      text: `fetch ${expect.length + 1} from assay_assertion`,
      rowMode: 'array',
      types: asText as never,
    });
    return rows;
  });
}

/** Pure. */
export function compare({ name, expect }: Assertion, found: readonly Row[]): Finding {
  const failed = (what: string): Finding => ({ outcome: 'failed', cause: 'assertion-failed', because: [`assertion ${name}: ${what}`] });
  if (found.length > expect.length) return failed(`more than the ${counted(expect.length, 'row')} that were expected`);
  if (found.length < expect.length) return failed(`${counted(found.length, 'row')} where ${expect.length} were expected`);
  const different = expect.filter((row, at) => !isSameRow(row, found[at] ?? [])).length;
  return different === 0
    ? { outcome: 'passed', because: [`assertion ${name}: ${counted(expect.length, 'row')} as expected`] }
    : failed(`${different} of ${counted(expect.length, 'row')} differ`);
}

const isSameRow = (a: Row, b: Row): boolean => a.length === b.length && a.every((value, at) => value === b[at]);
