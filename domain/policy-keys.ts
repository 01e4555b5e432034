/** The keys of `assay.yaml` as JSON Schema: for editors, for the documentation, and for "did you mean". */
import { z } from 'zod';
import { policyFile } from './policy-file.ts';

/** The part of JSON Schema that the file's definition uses. */
export interface KeySchema {
  readonly $schema?: string;
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, KeySchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: KeySchema | boolean;
  readonly items?: KeySchema;
  readonly anyOf?: readonly KeySchema[];
  readonly oneOf?: readonly KeySchema[];
  readonly 'x-unit'?: string;
  readonly 'x-range'?: string;
}

/** JSON Schema (draft 2020-12) of the file as written, for editors: docs/assay.schema.json. */
export function policyJsonSchema(): KeySchema {
  const title = { title: 'assay.yaml', description: 'What the Assay fleet keeps and proves' };
  return { ...(z.toJSONSchema(policyFile, { io: 'input' }) as KeySchema), ...title };
}

const whole = policyJsonSchema();

const isKeyOf = (schema: KeySchema, key: PropertyKey): boolean => Object.hasOwn(schema.properties ?? {}, key);

/** Whether this key may stand at a path. */
export const isKeyAt = (path: readonly PropertyKey[], key: string): boolean => schemasAt(path).some((one) => isKeyOf(one, key));

/** What may stand at a path, every alternative of a choice; empty where nothing may. */
export function schemasAt(path: readonly PropertyKey[], schema: KeySchema = whole): readonly KeySchema[] {
  const alternatives = [schema, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  const [key, ...rest] = path;
  if (key === undefined) return alternatives.flatMap((one) => (one === schema ? [one] : schemasAt([], one)));
  return alternatives.flatMap((one) => {
    const open = typeof one.additionalProperties === 'object' ? one.additionalProperties : undefined;
    const next = typeof key === 'number' ? one.items : isKeyOf(one, key) ? one.properties?.[String(key)] : open;
    return next !== undefined ? schemasAt(rest, next) : one === schema ? [] : schemasAt(path, one);
  });
}

/** Keys allowed at a path. */
export const keysAt = (path: readonly PropertyKey[]): readonly string[] => [
  ...new Set(schemasAt(path).flatMap((schema) => Object.keys(schema.properties ?? {}))),
];

/** The word most like this one; null where none is near. */
export function nearest(word: string, words: readonly string[]): string | null {
  const ranked = words.map((candidate) => ({ candidate, edits: distance(plain(word), plain(candidate)) })).sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best !== undefined && best.edits <= Math.max(1, Math.floor(word.length / 3)) ? best.candidate : null;
}

// maxClones, max-clones and max_clones are the same word
const plain = (word: string) => word.replaceAll(/[^A-Za-z0-9]/g, '').toLowerCase();

/** Levenshtein's edit distance. */
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...left].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...right].entries()) {
      next.push(Math.min((next[column] ?? 0) + 1, (row[column + 1] ?? 0) + 1, (row[column] ?? 0) + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
