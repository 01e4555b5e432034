/** Migrations in order; their place in this list is the version they bring. Only added, never changed. */
import { First } from './001-first.ts';
import { Optimizer } from './002-optimizer.ts';
import { OptimizerSnapshot } from './003-optimizer-snapshot.ts';
import { OptimizerDecision } from './004-optimizer-decision.ts';

export const migrations = [
  { name: '001-first', class: First },
  { name: '002-optimizer', class: Optimizer },
  { name: '003-optimizer-snapshot', class: OptimizerSnapshot },
  { name: '004-optimizer-decision', class: OptimizerDecision },
];

/** The version this worker knows. */
export const knownVersion = migrations.length;
