import type { Binding } from './model.ts';

/** pg_stat_statements has none of a text's constants: what was really sent says which they are. */
export function constantsSent(bindings: readonly Binding[]): ReadonlyMap<number, string> {
  const [first, ...others] = bindings;
  if (first === undefined || bindings.some(({ source }) => source !== 'captured')) return new Map();
  return new Map(
    first.values.flatMap((value, place) => (value !== null && others.every(({ values }) => values[place] === value) ? [[place + 1, value] as const] : [])),
  );
}

/** Fewer calls agree by chance. */
const AGREEING = 3;

/** The same for what an index may stand on: calls enough to say that the application sends nothing else. */
export const steadyConstants = (bindings: readonly Binding[]): ReadonlyMap<number, string> =>
  bindings.length < AGREEING ? new Map() : constantsSent(bindings);
