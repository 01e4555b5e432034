/** What the planner would do under indexes that are not there. HypoPG is the first implementation; one that builds them for real would be another. */
import type { Bound, IndexDefinition } from '../../../domain/optimizer/model.ts';
import type { Planned } from '../../../domain/optimizer/search-costs.ts';

export interface WhatIf {
  /** Mean over the statement's bindings, in planner units, under exactly these indexes besides the existing ones. Nothing is executed. */
  plan(bound: Bound, indexes: readonly IndexDefinition[]): Promise<Planned>;
  /** Bytes it would take; null where it cannot be judged: refused by PostgreSQL, or of a method that the planner cannot be told of. */
  size(index: IndexDefinition): Promise<number | null>;
  /** EXPLAINs so far. */
  explains(): number;
  /** Takes away everything hypothetical; the sessions stay the caller's. Idempotent. */
  close(): Promise<void>;
}

/** `corrected`: real bytes and the descent HypoPG leaves out. `raw`: HypoPG's own figures, as the literature counts. */
export type WhatIfMode = 'corrected' | 'raw';
