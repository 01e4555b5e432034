/** The standby that tables are read on (`proof.fingerprint.standby`): is it this cluster's, and may the role pause its replay and read? */
import type { ClusterPolicy, Connection } from '../../domain/policy.ts';
import { ident, withConnection } from '../pg.ts';
import { scrubbedReason } from '../pg-errors.ts';
import type { ClusterFacts } from './cluster-facts.ts';
import { type Finding, fault, ok, warning } from './line.ts';
import type { ReadSecret } from './ports.ts';

const NAME = 'standby';

interface StandbyFacts {
  readonly inRecovery: boolean;
  readonly systemIdentifier: string;
  /** null: it is no standby. */
  readonly pauseState: string | null;
  readonly mayPause: boolean;
  readonly mayResume: boolean;
  readonly mayReadAll: boolean;
  readonly feedback: boolean;
}

const factsSql = `/* assay doctor */ select pg_is_in_recovery() as "inRecovery",
  (select system_identifier::text from pg_control_system()) as "systemIdentifier",
  case when pg_is_in_recovery() then pg_get_wal_replay_pause_state() end as "pauseState",
  has_function_privilege('pg_wal_replay_pause()', 'execute') as "mayPause",
  has_function_privilege('pg_wal_replay_resume()', 'execute') as "mayResume",
  pg_has_role('pg_read_all_data', 'usage') as "mayReadAll",
  current_setting('hot_standby_feedback') = 'on' as feedback`;

/** Nothing where the policy names none. */
export async function checkStandby(policy: ClusterPolicy, primary: ClusterFacts, readSecret: ReadSecret): Promise<readonly Finding[]> {
  const { standby = null } = policy.proof.fingerprint;
  if (standby === null) return [];
  try {
    const facts = await withConnection(standby, readSecret, { agent: 'doctor', statementTimeoutMs: 20_000 }, async (client) => {
      const { rows } = await client.query<StandbyFacts>(factsSql);
      return rows[0] as StandbyFacts; // a select without from gives one row
    });
    return judgeStandby(facts, standby, primary);
  } catch (error) {
    const line = `${standby.user} cannot connect to ${standby.database} at ${placeOf(standby)}: ${scrubbedReason(error)}`;
    return [fault(NAME, line, 'check proof.fingerprint.standby in the policy, the role, its password, and the pg_hba.conf of the standby')];
  }
}

function judgeStandby(facts: StandbyFacts, standby: Connection, primary: ClusterFacts): readonly Finding[] {
  const at = placeOf(standby);
  if (facts.systemIdentifier !== primary.systemIdentifier)
    return [fault(NAME, `${at} is another cluster (system identifier ${facts.systemIdentifier})`, 'name a streaming standby of this cluster')];
  if (!facts.inRecovery) return [fault(NAME, `${at} is no standby: it is not in recovery`, 'name a streaming standby in proof.fingerprint.standby')];
  const role = ident(standby.user);
  const missing = [...(facts.mayPause ? [] : ['pg_wal_replay_pause()']), ...(facts.mayResume ? [] : ['pg_wal_replay_resume()'])].map(
    (name) => `grant execute on function ${name} to ${role}`,
  );
  const grants = [...missing, ...(facts.mayReadAll ? [] : [`grant pg_read_all_data to ${role}`])];
  const findings = grants.map((grant) =>
    fault(NAME, `${standby.user} lacks a right at ${at}: no marker can be read there`, `as a superuser of the primary: ${grant}`),
  );
  if (facts.pauseState !== 'not paused')
    findings.push(warning(NAME, `replay at ${at} is ${facts.pauseState}: markers wait in vain`, 'whoever paused it resumes it: select pg_wal_replay_resume()'));
  if (!facts.feedback)
    findings.push(
      warning(NAME, `hot_standby_feedback is off at ${at}: reading a table may clash with replay`, 'alter system set hot_standby_feedback = on there'),
    );
  return findings.length > 0 ? findings : [ok(NAME, `tables are read at ${at}; ${standby.user} may pause its replay`)];
}

const placeOf = ({ host, port }: Connection) => `${host}:${port}`;
