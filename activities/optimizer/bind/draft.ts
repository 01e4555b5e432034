/** A statement on its way to a text that PREPARE takes. Pure: every change gives a new draft. */
import { type Edit, edited, parameterTokens, renumbered } from './edit.ts';

export interface Draft {
  readonly text: string;
  /** Number of parameter i + 1 in the statement's own text; null for one that we added. */
  readonly origins: readonly (number | null)[];
  /** By parameter: the value that the text itself gives. */
  readonly known: ReadonlyMap<number, string>;
  /** By parameter: the type it is declared with. */
  readonly types: ReadonlyMap<number, string>;
}

/** `types` by the text's own numbers: what is known of them beforehand. */
export function draftOf(text: string, types: ReadonlyMap<number, string> = new Map()): Draft {
  const { text: own, origins } = renumbered(text);
  return { text: own, origins, known: new Map(), types: mapped(types, origins) };
}

/** The draft with its text changed; parameters are numbered anew, what is known of them moves along. */
export function redrafted(draft: Draft, edits: readonly Edit[], known: ReadonlyMap<number, string> = new Map()): Draft {
  if (edits.length === 0) return draft;
  const { text, origins } = renumbered(edited(draft.text, edits));
  return {
    text,
    origins: origins.map((number) => draft.origins[number - 1] ?? null),
    known: mapped(new Map([...draft.known, ...known]), origins),
    types: mapped(draft.types, origins),
  };
}

/** The draft with some parameters declared. */
export const declared = (draft: Draft, numbers: readonly number[], type: string): Draft => ({
  ...draft,
  types: new Map([...draft.types, ...numbers.map((number) => [number, type] as const)]),
});

/** Declared types written into the text as casts: it then needs no declaration. */
export const castText = (draft: Draft): string =>
  edited(
    draft.text,
    parameterTokens(draft.text).flatMap(({ number, start, end }) => {
      const type = draft.types.get(number);
      return type === undefined ? [] : [{ start, end, text: `($${number}::${type})` }];
    }),
  );

const mapped = <T>(byOld: ReadonlyMap<number, T>, origins: readonly number[]): ReadonlyMap<number, T> =>
  new Map(
    origins.flatMap((old, index) => {
      const value = byOld.get(old);
      return value === undefined ? [] : [[index + 1, value] as const];
    }),
  );
