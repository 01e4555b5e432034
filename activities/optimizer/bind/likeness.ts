/** Whether two expressions are the same but for their places, and but for what stands in place of constants. */
import { locationOf, type Tree, tagged } from './tree.ts';

/** A text that is equal for equal expressions, wherever they stand. */
export const canonical = (value: unknown): string => JSON.stringify(value, (key, inner) => (isPlace(key) ? undefined : inner));

/** The same, with every constant and parameter alike. */
export const shape = (value: unknown): string =>
  JSON.stringify(value, (key, inner) => {
    if (isPlace(key)) return undefined;
    const found = tagged(inner);
    return found !== null && isLeaf(found.kind) && isTagged(inner) ? '?' : inner;
  });

export interface Leaf {
  /** Byte offset in the text. */
  readonly start: number | null;
  /** Number of a parameter; null for a constant. */
  readonly parameter: number | null;
  /** Value of a constant; null for a parameter, NULL, a bit string. */
  readonly value: string | null;
}

/** Constants and parameters of an expression, in the order of its shape. */
export function leaves(value: unknown): readonly Leaf[] {
  const found: Leaf[] = [];
  const walk = (inner: unknown) => {
    const one = tagged(inner);
    if (one !== null && isLeaf(one.kind) && isTagged(inner)) {
      const parameter = one.kind === 'ParamRef' ? Number(one.node.number) : null;
      found.push({ start: locationOf(one.node), parameter, value: constantOf(one.node) });
    } else if (typeof inner === 'object' && inner !== null) {
      for (const below of Object.values(inner)) walk(below);
    }
  };
  walk(value);
  return found;
}

function constantOf(node: Tree): string | null {
  const { sval, ival, fval, boolval } = node as {
    sval?: { sval?: string };
    ival?: { ival?: number };
    fval?: { fval?: string };
    boolval?: { boolval?: boolean };
  };
  if (sval !== undefined) return sval.sval ?? '';
  if (ival !== undefined) return String(ival.ival ?? 0);
  if (boolval !== undefined) return String(boolval.boolval ?? false);
  return fval?.fval ?? null;
}

const isPlace = (key: string) => key === 'location' || key === 'list_start' || key === 'list_end';
const isLeaf = (kind: string) => kind === 'ParamRef' || kind === 'A_Const';
const isTagged = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === 1;
