/** work_mem just large enough that nothing of a statement goes to disk: tried on the lab, never beyond what may be recommended. */
import { size } from '../../../domain/optimizer/finding-words.ts';
import type { Explained } from '../../../domain/optimizer/plan.ts';
import { memoryNeeded, memoryUse, roundWorkMem, type SettingHint, staysInMemory, workMemText } from '../../../domain/optimizer/setting-choice.ts';
import type { Away, Unit } from '../lab/execute.ts';
import type { LabSession } from '../lab/measure.ts';
import { executedPlan, type SettingIdea } from './executed.ts';

export interface Bounds {
  /** Largest work_mem that may be recommended. */
  readonly workMemBytes: number;
  /** One execution may take so much at most. */
  readonly executionBytes: number;
}

interface Spilling {
  readonly unit: Unit;
  readonly away: Away;
  readonly hint: SettingHint;
}

/** For all of these values together. */
export async function fittedWorkMem(session: LabSession, spilling: readonly Spilling[], bounds: Bounds): Promise<SettingIdea | { readonly refused: string }> {
  const now = await settingsNow(session);
  const most = bounds.workMemBytes;
  const nothing = {
    refused: `${spilling[0]?.hint.because ?? 'it works on disk'}, and work_mem beyond ${workMemText(most)} would be needed to keep them in memory`,
  };
  const generous = await plansWith(session, spilling, most);
  if (generous === null || !generous.every(staysInMemory) || now.workMemBytes >= most) return nothing;
  const needed = Math.max(now.workMemBytes + 1, ...generous.map((plan) => memoryNeeded(plan, now.hashMultiplier)));
  for (let bytes = roundWorkMem(needed); ; bytes = roundWorkMem(bytes + 1)) {
    const workMemBytes = Math.min(bytes, most);
    const plans = workMemBytes === most ? generous : await plansWith(session, spilling, workMemBytes);
    if (plans === null || !plans.every(staysInMemory)) continue;
    const [memory = null] = plans
      .map((plan) => memoryUse(plan, { workMemBytes, hashMultiplier: now.hashMultiplier }))
      .toSorted((a, b) => (b?.executionBytes ?? 0) - (a?.executionBytes ?? 0));
    if (memory !== null && memory.executionBytes > bounds.executionBytes)
      return {
        refused: `work_mem = ${workMemText(workMemBytes)} would let one execution take ${size(memory.executionBytes)}, ${size(bounds.executionBytes)} are allowed`,
      };
    return { name: 'work_mem', value: workMemText(workMemBytes), was: now.workMem, memory };
  }
}

/** null: one of them failed, or took too long. */
async function plansWith(session: LabSession, spilling: readonly Spilling[], bytes: number): Promise<readonly Explained[] | null> {
  const plans: Explained[] = [];
  for (const { unit, away } of spilling) {
    session.io.signal.throwIfAborted();
    const plan = await executedPlan(session, unit, { away, settings: { work_mem: workMemText(bytes) } });
    if (plan === null) return null;
    plans.push(plan);
  }
  return plans;
}

async function settingsNow({ client }: LabSession) {
  const { rows } = await client.query<{ workMem: string; workMemBytes: number; hashMultiplier: number }>(
    `/* assay optimizer */ select pg_catalog.current_setting('work_mem') as "workMem", pg_catalog.pg_size_bytes(pg_catalog.current_setting('work_mem'))::float8 as "workMemBytes",
      pg_catalog.current_setting('hash_mem_multiplier')::float8 as "hashMultiplier"`,
  );
  return rows[0] ?? { workMem: '4MB', workMemBytes: 4 * 1_024 ** 2, hashMultiplier: 2 };
}
