/**
 * The kinds of value in `assay.yaml`. Each carries its help, unit and range, from which parser, JSON Schema and docs come;
 * each message says what to write instead, and none repeats a value that may be a secret.
 */
import { z } from 'zod';
import { durationForm, parseDuration, parseSize, sizeForm } from './policy-units.ts';

/** `env:NAME` or `file:PATH`. */
export const referencePattern = /^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/;

type Bounds = { readonly help: string; readonly min: string; readonly max: string };

interface Issue {
  readonly input?: unknown;
}

/** "missing: write X" or "write X, not Y". */
const instead = (form: string, input: unknown): string => {
  if (input === undefined) return `missing: write ${form}`;
  return `write ${form}, not ${typeof input === 'object' && input !== null ? 'a list or group' : JSON.stringify(input)}`;
};

/** Text such as `15s`; milliseconds after parsing. Bounds are durations too, both inclusive. */
export const duration = ({ help, min, max }: Bounds) =>
  measured({ help, min, max, unit: 'duration', form: durationForm, parse: parseDuration, example: '15s, 10m, 6h or 30d' });

/** Text such as `2GB`; bytes after parsing. */
export const size = ({ help, min, max }: Bounds) => measured({ help, min, max, unit: 'size', form: sizeForm, parse: parseSize, example: '512MB or 2GB' });

/** A whole number, bounds inclusive. */
export const count = ({ help, min, max, unit = 'count' }: { help: string; min: number; max: number; unit?: string }) => {
  const error = ({ input }: Issue) => instead(`a whole number from ${min} to ${max}`, input);
  return z
    .int({ error })
    .min(min, { error })
    .max(max, { error })
    .meta({ description: help, 'x-unit': unit, 'x-range': `${min} to ${max}` });
};

/** A share, bounds inclusive. */
export const share = ({ help, min, max }: { help: string; min: number; max: number }) => {
  const error = ({ input }: Issue) => instead(`a number from ${min} to ${max}`, input);
  return z
    .number({ error })
    .min(min, { error })
    .max(max, { error })
    .meta({ description: help, 'x-unit': 'share', 'x-range': `${min} to ${max}` });
};

/** Free text, at least one character. */
export const text = (help: string) =>
  z
    .string({ error: ({ input }) => instead(typeof input === 'number' ? `"${input}" in quotes` : 'a text', input) })
    .min(1, { error: 'write at least one character' })
    .meta({ description: help, 'x-unit': 'text' });

/** Text of a form. `form` says it in words. */
export const shaped = (help: string, pattern: RegExp, form: string) => {
  const error = ({ input }: Issue) => instead(form, input);
  return z.string({ error }).regex(pattern, { error }).meta({ description: help, 'x-unit': 'text', 'x-range': form });
};

/** A path; a relative one starts at the folder of the policy file. */
export const path = (help: string) =>
  z
    .string({ error: ({ input }) => instead('a path', input) })
    .min(1, { error: 'write a path' })
    .meta({ description: help, 'x-unit': 'path', 'x-range': 'relative to this file' });

/** A reference to a secret; the secret itself is refused and never repeated. */
export const secret = (help: string) => {
  const error = 'write a reference to the secret, env:NAME or file:PATH, never the secret itself';
  return z
    .string({ error })
    .regex(referencePattern, { error })
    .meta({ description: help, 'x-unit': 'secret reference', 'x-range': 'env:NAME or file:PATH (mode 0600)' });
};

/** One word of a closed list. */
export const choice = <const T extends readonly [string, ...string[]]>(help: string, words: T) =>
  z.enum(words, { error: ({ input }) => instead(listed(words), input) }).meta({ description: help, 'x-unit': 'choice', 'x-range': words.join(', ') });

/** true or false. */
export const flag = (help: string) =>
  z.boolean({ error: ({ input }) => instead('true or false', input) }).meta({ description: help, 'x-unit': 'flag', 'x-range': 'true, false' });

/** "a, b or c". */
export const listed = (words: readonly string[]): string => (words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`);

function measured(what: Bounds & { unit: string; form: string; parse: (text: string) => number | null; example: string }) {
  const least = what.parse(what.min) ?? 0;
  const most = what.parse(what.max) ?? 0;
  const error = (input: unknown) => instead(`a ${what.unit} such as ${what.example}`, input);
  return z
    .string({ error: ({ input }) => error(input) })
    .meta({ description: what.help, 'x-unit': what.unit, 'x-range': `${what.min} to ${what.max}`, pattern: what.form })
    .transform((written, context) => {
      const value = what.parse(written);
      if (value !== null && value >= least && value <= most) return value;
      context.addIssue(value === null ? error(written) : instead(`a ${what.unit} from ${what.min} to ${what.max}`, written));
      return z.NEVER;
    });
}
