/** Migrations in order; the number they begin with is the version they bring. Only added, never changed. */
import { First } from './001-first.ts';
import { Optimizer } from './002-optimizer.ts';
import { OptimizerSnapshot } from './003-optimizer-snapshot.ts';
import { OptimizerDecision } from './004-optimizer-decision.ts';
import { CapturedValue } from './005-captured-value.ts';
import { OptimizerApply } from './006-optimizer-apply.ts';
import { Hygiene } from './007-hygiene.ts';
import { StatementPlans } from './008-statement-plans.ts';

export const migrations = [
  { name: '001-first', class: First },
  { name: '002-optimizer', class: Optimizer },
  { name: '003-optimizer-snapshot', class: OptimizerSnapshot },
  { name: '004-optimizer-decision', class: OptimizerDecision },
  { name: '005-captured-value', class: CapturedValue },
  { name: '006-optimizer-apply', class: OptimizerApply },
  { name: '007-hygiene', class: Hygiene },
  { name: '008-statement-plans', class: StatementPlans },
];

/** The version this worker knows. */
export const knownVersion = Math.max(...migrations.map(({ name }) => Number.parseInt(name, 10)));
