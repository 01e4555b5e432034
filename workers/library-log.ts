/** What Temporal's SDK, node-cron and Node say by themselves, in our log: a line of it that is no JSON breaks whoever reads it. */
import { DefaultLogger, type LogEntry, type Logger } from '@temporalio/worker';
import { setLogger as setCronLogger } from 'node-cron';
import { reasonOf } from '../domain/errors.ts';
import type { Observe } from '../domain/observation.ts';

/** The host's worker has no workflows on purpose. */
const EXPECTED = 'No workflows registered, not polling for workflow tasks';

/** Logger of the SDK; its warnings and errors only. Takes Node's own warnings and node-cron's words too, once per process. */
export function libraryLog(observe: Observe): Logger {
  // Node's listener would print them as text
  process.removeAllListeners('warning');
  process.on('warning', ({ name, message }) => observe({ kind: 'library-said', library: 'node', level: 'warn', message: `${name}: ${message}` }));
  setCronLogger({
    info: () => {},
    debug: () => {},
    // a tick that was missed while this process was busy: the next one does what it would have done
    warn: (message) => observe({ kind: 'library-said', library: 'node-cron', level: 'info', message }),
    error: (message) => observe({ kind: 'library-said', library: 'node-cron', level: 'error', message: reasonOf(message) }),
  });
  return new DefaultLogger('WARN', (entry) => observe({ kind: 'library-said', library: 'temporal', level: levelOf(entry), message: sentenceOf(entry) }));
}

const levelOf = ({ level, message }: LogEntry) => (message === EXPECTED ? 'info' : level === 'ERROR' ? 'error' : 'warn');

/** With whose work it concerns: rows and arguments are never among these. */
function sentenceOf({ message, meta = {} }: LogEntry): string {
  const of = ['workflowId', 'activityType', 'taskQueue'].flatMap((name) => (typeof meta[name] === 'string' ? [`${name} ${meta[name]}`] : []));
  const why = meta.error === undefined ? '' : `: ${reasonOf(meta.error)}`;
  return `${message}${why}${of.length === 0 ? '' : ` (${of.join(', ')})`}`;
}
