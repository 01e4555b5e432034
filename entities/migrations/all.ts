/** Migrations in order; the number they begin with is the version they bring. Only added, never changed. */
import { First } from './001-first.ts';
import { Optimizer } from './002-optimizer.ts';
import { OptimizerSnapshot } from './003-optimizer-snapshot.ts';
import { OptimizerDecision } from './004-optimizer-decision.ts';
import { OptimizerApply } from './006-optimizer-apply.ts';
import { Hygiene } from './007-hygiene.ts';

export const migrations = [
  { name: '001-first', class: First },
  { name: '002-optimizer', class: Optimizer },
  { name: '003-optimizer-snapshot', class: OptimizerSnapshot },
  { name: '004-optimizer-decision', class: OptimizerDecision },
  { name: '006-optimizer-apply', class: OptimizerApply },
  { name: '007-hygiene', class: Hygiene },
];

/** The version this worker knows. */
export const knownVersion = Math.max(...migrations.map(({ name }) => Number.parseInt(name, 10)));
