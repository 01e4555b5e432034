/**
 * `select date_trunc($1, t) … group by date_trunc('day', t)`: pg_stat_statements replaces the constants of an expression once, where PostgreSQL keeps
 * it, and leaves its twins as they were, or gives them numbers of their own. To PREPARE these are different expressions, and it refuses. Twins get the
 * same parameter again; where one still shows the constant, that is the parameter's value.
 */
import type { ScanToken } from 'libpg-query';
import { acceptable } from './acceptable.ts';
import { type Draft, redrafted } from './draft.ts';
import type { Edit } from './edit.ts';
import { type Leaf, leaves, shape } from './likeness.ts';
import { isFault, namesOf, parseOne, type Tree, tagged, tokens, visit } from './tree.ts';

/** The draft with twins of what it groups by (or selects as distinct) made equal; the same draft where there are none. */
export function regrouped(draft: Draft): Draft {
  const parsed = parseOne(draft.text);
  if (isFault(parsed)) return draft;
  const twins = new Twins(tokens(draft.text));
  visit({ kind: parsed.kind, node: parsed.root }, ({ kind, node }) => {
    if (kind === 'SelectStmt') for (const expression of keysOf(node)) matchInside(node, expression, twins);
  });
  return acceptable(redrafted(draft, twins.edits(), twins.known()));
}

/** What rows are told apart by: expressions of GROUP BY, of DISTINCT, resolved where they are only a number or a name. */
function keysOf(select: Tree): readonly unknown[] {
  const targets = listOf(select.targetList).map((one) => tagged(one)?.node ?? {});
  const resolved = (item: unknown): unknown => {
    const found = tagged(item);
    const place = (found?.node.ival as { ival?: number } | undefined)?.ival;
    if (found?.kind === 'A_Const' && place !== undefined) return targets[place - 1]?.val;
    if (found?.kind !== 'ColumnRef') return item;
    const [name, more] = namesOf(found.node.fields);
    return (more === undefined && targets.find((target) => target.name === name)?.val) || item;
  };
  const distinct = select.distinctClause === undefined ? [] : targets.map(({ val }) => val);
  return [...listOf(select.groupClause).map(resolved), ...distinct].filter((key) => leaves(key).length > 0);
}

function matchInside(select: Tree, key: unknown, twins: Twins): void {
  const wanted = shape(key);
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    // a SELECT inside groups for itself
    if (tagged(value)?.kind === 'SubLink') return;
    if (value !== key && shape(value) === wanted) twins.unite(leaves(key), leaves(value));
    else for (const below of Object.values(value)) look(below);
  };
  for (const part of [select.targetList, select.groupClause, select.havingClause, select.sortClause, select.distinctClause]) look(part);
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Leaves that must be one parameter. */
class Twins {
  readonly #byStart = new Map<number, { leaf: Leaf; group: { numbers: Set<number>; value: string | null } }>();
  readonly #words: readonly ScanToken[];

  constructor(words: readonly ScanToken[]) {
    this.#words = words;
  }

  unite(first: readonly Leaf[], second: readonly Leaf[]): void {
    first.forEach((leaf, index) => {
      const twin = second[index];
      if (twin !== undefined) this.#join(leaf, twin);
    });
  }

  #join(one: Leaf, other: Leaf): void {
    if (one.start === null || other.start === null) return;
    const group = this.#byStart.get(one.start)?.group ?? this.#byStart.get(other.start)?.group ?? { numbers: new Set<number>(), value: null };
    for (const leaf of [one, other]) {
      this.#byStart.set(leaf.start as number, { leaf, group });
      if (leaf.parameter !== null) group.numbers.add(leaf.parameter);
      group.value ??= leaf.value;
    }
  }

  edits(): Edit[] {
    return [...this.#byStart].flatMap(([start, { leaf, group }]) => {
      const number = Math.min(...group.numbers);
      const word = this.#words.find((token) => token.start === start);
      const isPlain = word !== undefined && (word.tokenName === 'PARAM' || /CONST$/.test(word.tokenName));
      return group.numbers.size === 0 || leaf.parameter === number || !isPlain ? [] : [{ start, end: word.end, text: `$${number}` }];
    });
  }

  known(): ReadonlyMap<number, string> {
    const groups = [...this.#byStart.values()].map(({ group }) => group);
    return new Map(groups.flatMap(({ numbers, value }) => (numbers.size === 0 || value === null ? [] : [[Math.min(...numbers), value] as const])));
  }
}
