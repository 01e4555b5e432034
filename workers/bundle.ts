/** The workflows as one bundle, built once per process. */
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type WorkflowBundleWithSourceMap } from '@temporalio/worker';

let built: Promise<WorkflowBundleWithSourceMap> | undefined;

/** Takes 1-3 s the first time. */
export function workflowBundle(): Promise<WorkflowBundleWithSourceMap> {
  built ??= bundleWorkflowCode({ workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)) });
  return built;
}
