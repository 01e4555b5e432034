/** Reads `assay.yaml`: every fault at once, each with file, line, column, key path and what to write instead. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { AssayError, reasonOf } from '../domain/errors.ts';
import type { FleetPolicy } from '../domain/policy.ts';
import { toFleetPolicy } from '../domain/policy-convert.ts';
import { checkPolicyFile, type KeyPath, keyText, type PolicyFault } from '../domain/policy-faults.ts';
import type { PolicyFile } from '../domain/policy-file.ts';
import { scheduleFaults } from './read-policy-schedules.ts';

/** A fault with its place in the text; line and column count from 1. */
export interface LocatedFault {
  readonly line: number;
  readonly column: number;
  /** `clusters.shop.retention.days`; empty for a fault of the YAML itself. */
  readonly key: string;
  readonly message: string;
}

/** Throws policy-unreadable where the file cannot be read, policy-invalid with all its faults. */
export function readPolicy(path: string): FleetPolicy {
  const file = resolve(path);
  const { policy, faults } = checkPolicy(readText(file), file);
  if (policy !== null) return policy;
  throw new AssayError('policy-invalid', { file, count: faults.length, faults: faults.map((fault) => faultLine(path, fault)).join('\n') });
}

/** The policy, or every fault of the text in the order of its lines. `file` is a whole path. */
export function checkPolicy(text: string, file: string): { readonly policy: FleetPolicy | null; readonly faults: readonly LocatedFault[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const ofYaml = yamlFaults(document, lines);
  // a key that stands there twice hides nothing else
  if (document.errors.some(({ code }) => code !== 'DUPLICATE_KEY')) return { policy: null, faults: ofYaml };
  const checked = checkValues(document);
  if (checked === null) return { policy: null, faults: [place(lines, firstAlias(document), '', ENDLESS)] };
  const { content, faults } = checked;
  if (content !== null && faults.length === 0 && ofYaml.length === 0) return { policy: toFleetPolicy(content, { file, folder: dirname(file) }), faults: [] };
  const located = [...ofYaml, ...faults.map((fault) => place(lines, offsetOf(document, fault), keyText(fault.path), fault.message))];
  return { policy: null, faults: located.sort((left, right) => left.line - right.line || left.column - right.column) };
}

const ENDLESS = 'an alias (*name) stands for itself, or for too much: write its values out';

/** null: aliases make it endless. */
function checkValues(document: Document): { readonly content: PolicyFile | null; readonly faults: readonly PolicyFault[] } | null {
  try {
    const raw: unknown = document.toJS();
    const { file: content, faults } = checkPolicyFile(raw ?? {});
    return { content, faults: [...faults, ...scheduleFaults(raw)] };
  } catch (error) {
    if (error instanceof RangeError || error instanceof ReferenceError) return null;
    throw error;
  }
}

function firstAlias(document: Document): number {
  let offset = 0;
  visit(document, {
    Alias: (_, { range }) => {
      offset = range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return offset;
}

/** `assay.yaml:12:5  clusters.shop.witness.every: write a duration …`. */
export const faultLine = (file: string, { line, column, key, message }: LocatedFault): string =>
  `${file}:${line}:${column}  ${key}${key === '' ? '' : ': '}${message}`;

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AssayError('policy-unreadable', { file, reason: reasonOf(cause) }, { cause });
  }
}

function place(lines: LineCounter, offset: number, key: string, message: string): LocatedFault {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col), key, message };
}

/** The first fault of each line: what follows on the same line comes of it. */
function yamlFaults(document: Document, lines: LineCounter): readonly LocatedFault[] {
  const all = document.errors.map((error) => place(lines, error.pos[0], '', yamlMessage(error)));
  return all.filter((fault, index) => all.findIndex(({ line }) => line === fault.line) === index);
}

function yamlMessage({ code, message }: Document['errors'][number]): string {
  const first = message.split('\n')[0] ?? message;
  if (code === 'DUPLICATE_KEY') return 'this key stands here a second time: keep one of the two';
  if (code === 'TAB_AS_INDENT') return 'indent with spaces, not with tabs';
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here: write one document, without ---';
  if (/call stack/.test(first)) return 'nested too deep for any policy';
  // `cron: * * * * *` without quotes is the fault people make
  return /alias/i.test(first) ? `${first}; put a value that starts with * in quotes` : first;
}

/** Where in the text a fault is; a missing key is shown at the key of the group that lacks it. */
function offsetOf(document: Document, { path, at }: PolicyFault): number {
  for (let length = path.length; length > 0; length -= 1) {
    const here = path.slice(0, length);
    const whole = length === path.length;
    const offset =
      whole && at === 'value' ? (valueOffset(document, here) ?? keyOffset(document, here)) : (keyOffset(document, here) ?? valueOffset(document, here));
    if (offset !== null) return offset;
  }
  return 0;
}

function valueOffset(document: Document, path: KeyPath): number | null {
  const node = document.getIn(path, true);
  return isNode(node) && node.range ? node.range[0] : null;
}

function keyOffset(document: Document, path: KeyPath): number | null {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(path.at(-1))) : undefined;
  return isScalar(pair?.key) && pair.key.range ? pair.key.range[0] : null;
}
