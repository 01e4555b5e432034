/** A statement's plan as it was executed on the lab, with settings of its own. */
import type { Explained } from '../../../domain/optimizer/plan.ts';
import { parseExplain } from '../../../domain/optimizer/plan-parse.ts';
import type { SettingAdvice } from '../../../domain/optimizer/setting.ts';
import { isServerError } from '../../pg-errors.ts';
import { type Away, explained, type LocalSettings, type Unit } from '../lab/execute.ts';
import type { LabSession } from '../lab/measure.ts';

export type SettingIdea = Pick<SettingAdvice, 'name' | 'value' | 'was' | 'memory'>;

/** null: it failed, or took too long. Throws where the lab is gone. */
export async function executedPlan(
  { client, statementTimeoutMs: timeoutMs }: LabSession,
  unit: Unit,
  { away, settings }: { readonly away: Away; readonly settings: LocalSettings },
): Promise<Explained | null> {
  try {
    const [plan] = parseExplain(await explained(client, unit, { away, timeoutMs, settings, isExecuted: true }));
    return plan ?? null;
  } catch (error) {
    if (isServerError(error)) return null;
    throw error;
  }
}
