/** How many groups a column makes, as the lab's statistics tell. Only what is worth a try hangs on it. */
import type { Known } from '../known.ts';
import type { Found } from '../sources.ts';

/** Of more, grouping by it first gains little. */
export const MOST_GROUPS = 10_000;

/** 1 where there are no statistics: measuring tells. */
export const valuesOf = ({ table: { table }, column: { name } }: Found, { distinct }: Known): number => distinct?.get(JSON.stringify([table, name])) ?? 1;
