/** Which indexes and extended statistics a copy has to lose, rename or get, to have those of its source. Pure. */

export interface Standing {
  readonly kind: 'index' | 'statistics';
  readonly schema: string;
  readonly name: string;
  /** Qualified and quoted. */
  readonly table: string;
  /** SQL that makes it, of a partitioned index with all its parts. */
  readonly definition: string;
  /** The same under any name. */
  readonly key: string;
  /** Of a partitioned index: it comes and goes with that. */
  readonly isPart: boolean;
  /** False: half-made, or parts are missing. No plan uses it. */
  readonly isValid: boolean;
  /** A plain index in its place would refuse what the constraint allows until the end. */
  readonly isDeferrable: boolean;
  /** Made and dropped with its constraint only. */
  readonly isConstraint: boolean;
  /** What it yields is known to the planner only once it was looked at. */
  readonly isToAnalyze: boolean;
}

export interface Difference {
  /** Of the copy. */
  readonly gone: readonly Standing[];
  /** Of the copy, with the source's name. */
  readonly renamed: readonly (Standing & { readonly newName: string })[];
  /** Of the source. */
  readonly fresh: readonly Standing[];
}

/** By what they are, one for one: of two that are alike the source may have dropped one. Those of one name go together first. */
export function differenceOf(copy: readonly Standing[], source: readonly Standing[]): Difference {
  const gone: Standing[] = [];
  const fresh: Standing[] = [];
  const renamed: (Standing & { newName: string })[] = [];
  const [copies, sources] = [byKey(copy), byKey(source)];
  for (const key of new Set([...copies.keys(), ...sources.keys()])) {
    const [mine, theirs] = [copies.get(key) ?? [], sources.get(key) ?? []];
    const names = (some: readonly Standing[]) => new Set(some.map(({ name }) => name));
    const [mineLeft, theirsLeft] = [mine.filter(({ name }) => !names(theirs).has(name)), theirs.filter(({ name }) => !names(mine).has(name))];
    for (const [place, each] of mineLeft.entries()) {
      const other = theirsLeft[place];
      if (other !== undefined) renamed.push({ ...each, newName: other.name });
      else if (!each.isPart && !each.isConstraint) gone.push(each);
    }
    fresh.push(...theirsLeft.slice(mineLeft.length).filter(({ isPart, isDeferrable }) => !isPart && !isDeferrable));
  }
  return { gone, renamed, fresh };
}

function byKey(some: readonly Standing[]): ReadonlyMap<string, readonly Standing[]> {
  const found = new Map<string, Standing[]>();
  for (const each of some.filter(({ isValid }) => isValid)) found.set(each.key, [...(found.get(each.key) ?? []), each]);
  return found;
}
