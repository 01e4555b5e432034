/** What is wrong in a policy file: every fault at once, each with its key path and what to write instead. */
import type { z } from 'zod';
import { type PolicyFile, policyFile } from './policy-file.ts';
import { isKeyAt, keysAt, nearest } from './policy-keys.ts';
import { policyRules } from './policy-rules.ts';

export type KeyPath = readonly (string | number)[];

export interface PolicyFault {
  readonly path: KeyPath;
  /** Which end of `key: value` to point at. */
  readonly at: 'key' | 'value';
  /** What to write instead; never holds a value that may be a secret. */
  readonly message: string;
}

/** The parsed file where there is no fault. Rules across keys are tried even where single keys are wrong. */
export function checkPolicyFile(raw: unknown): { readonly file: PolicyFile | null; readonly faults: readonly PolicyFault[] } {
  const parsed = policyFile.safeParse(raw, { reportInput: true });
  const shape = parsed.success ? [] : parsed.error.issues.flatMap(fromIssue);
  const faults = [...shape, ...policyRules(raw)];
  return { file: parsed.success && faults.length === 0 ? parsed.data : null, faults };
}

/** `clusters.shop.retention.days`, `…repositories[0].path`. */
export const keyText = (path: KeyPath): string =>
  path.reduce<string>((text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? key : `${text}.${key}`), '') || '(the whole file)';

function fromIssue(issue: z.core.$ZodIssue): readonly PolicyFault[] {
  const path = issue.path.map((key) => (typeof key === 'number' ? key : String(key)));
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key));
  if (issue.code === 'invalid_type' && (issue.expected === 'object' || issue.expected === 'record')) {
    const keys = keysAt(path);
    const below = keys.length === 0 ? 'a group of keys' : `a group with ${keys.join(', ')}`;
    return [{ path, at: 'key', message: issue.input === undefined ? `missing: write ${below}` : `write ${below}` }];
  }
  return [{ path, at: 'value', message: issue.message }];
}

function unknownKey(path: KeyPath, key: string): PolicyFault {
  const known = keysAt(path);
  const like = nearest(key, known);
  const elsewhere = like === null ? whereElse(key, path) : null;
  const way = like !== null ? `did you mean ${like}?` : elsewhere !== null ? `it belongs in ${elsewhere}` : `known here: ${known.join(', ')}`;
  return { path: [...path, key], at: 'key', message: `unknown key; ${way}` };
}

/** A key that exists at another level of the same cluster, or at the top. */
function whereElse(key: string, path: KeyPath): string | null {
  const roots: readonly KeyPath[] = path[0] === 'clusters' && path.length >= 2 ? [path.slice(0, 2), []] : [[]];
  for (const root of roots) {
    for (const group of ['', ...keysAt(root)]) {
      const at = group === '' ? root : [...root, group];
      if (isKeyAt(at, key)) return keyText([...at, key]);
    }
  }
  return null;
}
