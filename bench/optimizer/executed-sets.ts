/** Names of the sets that the figures look up, and what a set takes in all. */
import type { Taken, Times } from './field.ts';
import { WITHHELD } from './tpch.ts';

export const NONE = 'no indexes';
/** In the names of sets that were found for all queries. */
export const ALL_GIVEN = 'all 22 given';
/** `larger`: with twice the room of the peer that it is held against. */
export const OURS = { gigabyte: 'ours, 1 GB', small: 'ours, 150 MB', all: `ours, 1 GB, ${ALL_GIVEN}`, larger: `ours, 2 GB, ${ALL_GIVEN}` } as const;
/** Of the sets for all 22: the same indexes, and with them what else the product finds for single statements: other texts, settings. No peer knows of these. */
export const WITH_KINDS: ReadonlyMap<string, string> = new Map([OURS.all, OURS.larger].map((base) => [`${base}, with other texts and settings`, base]));
export const SMALL_PEER = 'dexter22_50';
export const DTA = 'anytime_2000_2_4';

/** Sets of the peers that were chosen under one budget, 2 GB of HypoPG's bytes: how they rank is held against how they were expected to. */
export const ONE_BUDGET = [DTA, 'db2advis_2000_3_10', 'extend_2000_2', 'relaxation_2000_2', 'prototype_include_2000', 'postgres-mcp_2000'];

export const isGiven = (query: string): boolean => !WITHHELD.has(query);

/** Cost of the 19 under a set / without: HypoPG's own; ours, corrected, each query weighing what it takes without indexes. */
export interface Estimates {
  readonly raw: number;
  readonly corrected: number;
  readonly bytes: number;
  /** Of each query, corrected: how its plan changes, and its cost / without. */
  readonly changes: ReadonlyMap<string, { readonly shape: string | null; readonly ratio: number }>;
}

/** Of each round. */
export function totals({ times }: { readonly times: Times }, set: string, of: (query: string) => boolean, clock: keyof Taken = 'ms'): readonly number[] {
  const lists = [...times].flatMap(([query, bySet]) => (of(query) ? [bySet.get(set)?.[clock] ?? []] : []));
  const rounds = Math.min(...lists.map((list) => list.length));
  return Array.from({ length: rounds }, (_, round) => lists.reduce((sum, list) => sum + (list[round] ?? 0), 0));
}
