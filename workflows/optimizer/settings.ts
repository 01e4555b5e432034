/** The last thing a run does on its lab: settings for single statements, beside all that it recommends. What goes wrong here ends nothing else. */
import { patched, uuid4 } from '@temporalio/workflow';
import type { OnLab } from '../../activities/optimizer/steps/search.ts';
import type { SettingsSummary } from '../../domain/optimizer/requests.ts';
import type { Lab } from '../backup/lab.ts';
import { type Beside, unlessCancelled } from './beside.ts';

interface Proving {
  readonly on: OnLab;
  readonly lab: Lab;
  /** Recommendations of the run so far. */
  readonly beside: readonly string[];
  /** Those that are other texts. */
  readonly rewrites: readonly string[];
}

/** Of so many statements at most settings are measured. */
const MOST = 8;

export async function proveSettings({ steps, around }: Beside, { on, lab, beside, rewrites }: Proving): Promise<SettingsSummary> {
  around.report('setting', 'settings that a plan asks for, with and without');
  const nameOf = () => ({ experiment: uuid4(), recommendation: uuid4() });
  // each statement's can be approved or refused by itself
  const names = patched('settings-by-statement') ? { names: Array.from({ length: MOST }, nameOf) } : {};
  const request = { ...on, ...nameOf(), ...names, proof: lab.proof, backup: lab.backup, beside, rewrites };
  return steps.proveSettings(request).catch(unlessCancelled(around, { asked: null, tried: 0, recommendation: null, because: [] }));
}
