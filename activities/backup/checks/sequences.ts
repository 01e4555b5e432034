/** No sequence of the clone may lie behind what its source had already given out: the next insert would collide. */
import type pg from 'pg';
import type { Marker, SequenceState } from '../../../domain/backup/model.ts';
import { qualified } from '../../pg.ts';
import { faultOf } from '../../pg-errors.ts';
import { counted, type Finding } from './result.ts';

const NAMED = 10;

/** PostgreSQL logs values ahead, so a restored sequence may be further on, never behind. Needs no promotion: a standby reads sequences. */
export async function sequences(client: pg.ClientBase, marker: Marker): Promise<Finding> {
  if (marker.sequences.length === 0) return { outcome: 'not-applicable', because: ['no sequences'] };
  const behind: string[] = [];
  for (const source of marker.sequences) {
    const found = await lastValue(client, source);
    const name = `${source.schema}.${source.table}`;
    if (found === null) behind.push(`${name} is missing`);
    else if (isBehind(source, found)) behind.push(`${name} stands at ${found}, the source had given out ${source.lastValue}`);
  }
  if (behind.length === 0) return { outcome: 'passed', because: [`${counted(marker.sequences.length, 'sequence')} at or beyond the source's`] };
  return {
    outcome: 'failed',
    cause: 'sequence-behind',
    because: [`${behind.length} of ${counted(marker.sequences.length, 'sequence')} behind`, ...behind.slice(0, NAMED)],
  };
}

/** Pure. Which way is behind depends on the direction the sequence runs in. */
export function isBehind(source: SequenceState, found: string): boolean {
  const ahead = BigInt(found) - BigInt(source.lastValue);
  return BigInt(source.increment) < 0n ? ahead > 0n : ahead < 0n;
}

async function lastValue(client: pg.ClientBase, sequence: SequenceState): Promise<string | null> {
  try {
    const { rows } = await client.query<{ value: string }>(
      `/* assay backup */ select last_value::text as value from ${qualified(sequence.schema, sequence.table)}`,
    );
    return rows[0]?.value ?? null;
  } catch (error) {
    if (faultOf(error) === 'object-missing') return null;
    throw error;
  }
}
