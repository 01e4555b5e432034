/** Where values that were really sent are captured (`optimizer.capture.values`): the key that encrypts them, and a log to take them from. */
import { reasonOf } from '../../domain/errors.ts';
import { optimizerPolicyOf } from '../../domain/optimizer/policy.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { withConnection } from '../pg.ts';
import { findServerLog } from '../server-log-file.ts';
import { type Finding, ok, warning } from './line.ts';
import type { ReadSecret } from './ports.ts';

const NAME = 'capture';

/** Asked on the cluster's host only, where its worker reads the log. Nothing where nothing is captured. A run goes on without: nothing here is a fault. */
export async function checkCapture(policy: ClusterPolicy, readSecret: ReadSecret): Promise<readonly Finding[]> {
  const { capture } = optimizerPolicyOf(policy);
  if (!capture.values) return [];
  const keyless = missingKey(capture.key, readSecret);
  if (keyless !== null)
    return [warning(NAME, `no values are captured: ${keyless}`, 'make a key with `openssl rand -base64 32` where optimizer.capture.key looks')];
  const log = await withConnection(policy.connection, readSecret, { agent: 'doctor' }, findServerLog);
  if (!('unread' in log)) return [ok(NAME, `values that statements are sent with come from ${log.file} and from sessions`)];
  return [warning(NAME, `values come from sessions only, the server's log is not read: ${log.unread}`, log.wayOut)];
}

function missingKey(key: string, readSecret: ReadSecret): string | null {
  try {
    readSecret(key);
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}
