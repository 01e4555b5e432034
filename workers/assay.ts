/** Entry of the `assay` command: hands it what needs more than a Temporal client, each part loaded only when it is called. */
import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { LocalHandlers } from '../ops/cli/handlers.ts';

// before all imports but types: what they bring is compiled once, not at each command; where the folder cannot be written, each time
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url)));
const [{ runCli }, { processTerminal }] = await Promise.all([import('../ops/cli/main.ts'), import('../ops/cli/terminal.ts')]);

const policy = async () => (await import('./commands/plan-handlers.ts')).policyHandlers;
const restore = () => import('./commands/restore.ts');
const optimizer = () => import('./commands/optimizer.ts');

const handlers: LocalHandlers = {
  connection: async (options) => (await import('./commands/connection.ts')).connectionFor(options),
  clusters: async (options) => (await import('./commands/connection.ts')).clusterNames(options),
  dev: async (options, tell) => (await import('./commands/dev.ts')).runDev(options, tell),
  worker: async (options, tell) => (await import('./commands/worker.ts')).runWorker(options, (url) => tell(`polling; metrics at ${url}`)),
  init: async (request, options) => (await policy()).init(request, options),
  doctor: async (request, options) => (await policy()).doctor(request, options),
  plan: async (options) => (await policy()).plan(options),
  apply: async (request, options, onChange) => (await policy()).apply(request, options, onChange),
  remove: async (request, options, onChange) => (await policy()).remove(request, options, onChange),
  configShow: async (options) => (await policy()).configShow(options),
  restorePrint: async (request, options) => (await restore()).printRestore(request, options),
  restoreCold: async (request, options, tell) => (await restore()).restoreHere(request, options, tell),
  recommendations: async ({ cluster }, options) => (await optimizer()).listRecommendations(options, cluster ?? null),
  queries: async (request, options) => (await import('./commands/optimizer-queries.ts')).readQueries(request, options),
  hygiene: async ({ target }, options) => (await import('./commands/optimizer-hygiene.ts')).readHygiene(options, target),
  accuracy: async ({ cluster }, options) => (await import('./commands/optimizer-accuracy.ts')).readAccuracy(options, cluster ?? null),
  explain: async (request, options) => (await import('./commands/optimizer-explain.ts')).explain(request, options),
  recommendation: async ({ id }, options) => (await optimizer()).readRecommendation(options, id),
  history: async ({ cluster }, options) => (await optimizer()).readHistory(options, cluster ?? null),
  recommendationPage: async (record, options) => (await optimizer()).drawRecommendation(options, record),
  verifyCertificates: async ({ path, key }) => (await import('../activities/backup/evidence/verify.ts')).verifyWithKey(path, key),
};

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };

process.exitCode = await runCli(process.argv.slice(2), { handlers, terminal: processTerminal(), version });
// a connection that does not close in time must not hold a finished command
setTimeout(() => process.exit(), 2_000).unref();
