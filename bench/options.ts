/** What `npm run bench -- …` takes. */
import { parseArgs } from 'node:util';
import { AssayError, reasonOf } from '../domain/errors.ts';

export interface Options {
  /** Names of benchmarks; empty: all. */
  readonly only: readonly string[];
  /** Interleaved pairs of ours and the bare tool; default 5. */
  readonly pairs: number;
  /** Gigabytes of data; default 1.5, the size the goals are set for. */
  readonly gigabytes: number;
  /** Before each run, seconds to wait at most for others to leave the machine mostly idle; default 0. */
  readonly calmSeconds: number;
  /** Where the JSON goes; default `.assay/bench.json`. */
  readonly out: string;
  /** TPC-H: folder of schema, queries and peers' sets; default `../shared/tpch`. */
  readonly tpch: string | null;
  /** CSV files of the scale asked for; null: they are made. */
  readonly tpchData: string | null;
  /** JSON of the sets that we chose: read where it is there, else found and written. */
  readonly tpchOurs: string | null;
  readonly help: boolean;
}

/** The size from which on goals that name it are judged. */
export const GOAL_GIGABYTES = 1.5;

export const usage = `npm run bench -- [--only NAME,NAME] [--pairs 5] [--scale GIGABYTES] [--calm SECONDS] [--out FILE] [--tpch FOLDER] [--tpch-data FOLDER] [--tpch-ours FILE]`;

/** Throws usage. */
export function readOptions(argv: readonly string[], known: readonly string[]): Options {
  const values = parse(argv);
  const only = (values.only ?? '').split(',').filter(Boolean);
  const unknown = only.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new AssayError('usage', { reason: `no benchmark ${unknown.join(', ')}`, hint: `there are ${known.join(', ')}` });
  return {
    only,
    pairs: Math.round(positive('pairs', values.pairs ?? '5')),
    gigabytes: positive('scale', values.scale ?? String(GOAL_GIGABYTES)),
    calmSeconds: values.calm === undefined ? 0 : positive('calm', values.calm),
    out: values.out ?? '.assay/bench.json',
    tpch: values.tpch ?? null,
    tpchData: values['tpch-data'] ?? null,
    tpchOurs: values['tpch-ours'] ?? null,
    help: values.help ?? false,
  };
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    const options = {
      only: text,
      pairs: text,
      scale: text,
      calm: text,
      out: text,
      tpch: text,
      'tpch-data': text,
      'tpch-ours': text,
      help: { type: 'boolean' },
    } as const;
    return parseArgs({ args: [...argv], options }).values;
  } catch (cause) {
    throw new AssayError('usage', { reason: reasonOf(cause), hint: usage }, { cause });
  }
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new AssayError('usage', { reason: `--${name} ${text} is no positive number`, hint: usage });
}
