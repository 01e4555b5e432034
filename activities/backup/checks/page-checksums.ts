/** Every page of the stopped clone against its own checksum. Source: PostgreSQL manual, pg_checksums. */
import { join } from 'node:path';
import { ownerOf } from '../../os-user.ts';
import { run } from '../../process.ts';
import { findBinaries, majorOf } from '../clone/binaries.ts';
import { readControlData } from '../clone/control-data.ts';
import { foldersOf } from '../clone/layout.ts';
import { counted, type Finding, type OnClone } from './result.ts';

const LONGEST_MS = 6 * 3_600_000;
const NAMED = 10;

export async function pageChecksums({ policy, clone, io }: OnClone): Promise<Finding> {
  const { data } = foldersOf(clone.directory);
  const as = ownerOf(clone.directory);
  const binaries = await findBinaries(majorOf(data, clone.id), policy.clone.binaries, as);
  const { checksumVersion } = await readControlData(binaries, data, as);
  if (checksumVersion === 0) {
    return {
      outcome: 'finding',
      because: ['page checksums are off in this cluster: damage inside a page that is still readable would not show here (pg_checksums --enable)'],
    };
  }
  const argv = [join(binaries, 'pg_checksums'), '--check', '-D', data] as const;
  const result = await run({ argv, as, env: { LC_ALL: 'C' }, deadlineMs: LONGEST_MS, accept: [0, 1] }, io);
  return readOutput(result.status, `${result.stdout}\n${result.stderr}`);
}

/** Pure: from the program's status and output in the C locale. */
export function readOutput(status: number, output: string): Finding {
  const figure = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(output)?.[1] ?? Number.NaN);
  const [blocks, bad] = [figure('Blocks scanned'), figure('Bad checksums')];
  if (status === 0 && bad === 0) return { outcome: 'passed', because: [`${blocks} pages read, every checksum right`] };
  const damaged = [...output.matchAll(/checksum verification failed in file "([^"]+)", block (\d+)/g)].map(
    ([, file, block]) => `${file?.split('/data/').pop()} block ${block}`,
  );
  if (bad > 0 || damaged.length > 0) {
    return {
      outcome: 'failed',
      cause: 'page-corrupt',
      because: [`${counted(bad || damaged.length, 'page')} of ${blocks} with a wrong checksum`, ...damaged.slice(0, NAMED)],
    };
  }
  return { outcome: 'unusable', cause: 'unknown', because: [`pg_checksums ended with status ${status}: ${output.trim().split('\n').slice(-2).join(' ')}`] };
}
