/** Bundles the workflows and writes the code to stdout, nothing else: see bundle.ts. */
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const { code } = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
  logger: new DefaultLogger('WARN', ({ level, message }) => process.stderr.write(`${level}: ${message}\n`)),
});
process.stdout.write(code);
