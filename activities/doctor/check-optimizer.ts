/** What runs of the optimizer need: a workload to read, and hypopg where clones are. Started by hand they need nothing of the policy. */
import { optimizerPolicyOf } from '../../domain/optimizer/policy.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { ident } from '../pg.ts';
import type { ClusterFacts } from './cluster-facts.ts';
import type { HostFacts } from './host-facts.ts';
import { type Finding, ok, warning } from './line.ts';

const EXTENSION = 'pg_stat_statements';

/** A run reads it in its own database, or in the connection's. */
export function checkWorkload({ databases, settings, readsStatistics }: ClusterFacts, policy: ClusterPolicy): Finding {
  const name = 'workload';
  const { user, database: own } = policy.connection;
  const asked = optimizerPolicyOf(policy).database ?? own;
  const found = databases.find((database) => database.name === asked);
  if (found === undefined) return warning(name, `the optimizer cannot run: there is no database ${asked}`, 'mend optimizer.database in the policy');
  if (found.unreadable !== null) return warning(name, `the optimizer cannot run: database ${asked} cannot be read: ${found.unreadable}`, 'grant connect on it');
  const there = [asked, own].find((one) => databases.some((database) => database.name === one && database.extensions.some((each) => each.name === EXTENSION)));
  const steps = [
    // any role sees this setting, and only where the server was started with the library
    ...(settings[`${EXTENSION}.max`] === undefined ? [`add ${EXTENSION} to shared_preload_libraries and restart the server`] : []),
    ...(there === undefined ? [`as a superuser in ${asked}: CREATE EXTENSION ${EXTENSION}`] : []),
    ...(readsStatistics ? [] : [`as a superuser: GRANT pg_read_all_stats TO ${ident(user)}`]),
  ];
  if (there !== undefined && steps.length === 0) return ok(name, `${EXTENSION} of ${there} tells the optimizer what runs`);
  const line = there === undefined ? `${EXTENSION} is not in ${asked}` : `${EXTENSION} of ${there} does not tell ${user} what runs`;
  return lacking(policy, { name, line, fix: `${steps.join('; then ')}; until then runs work from --workload FILE` });
}

/** Asked on the host of the clones only: the source needs none. */
export function checkWhatIf({ binaries }: HostFacts, { versionNumber }: ClusterFacts, policy: ClusterPolicy): readonly Finding[] {
  if (binaries?.extensions == null) return [];
  const name = 'what-if';
  if (binaries.extensions.has('hypopg')) return [ok(name, 'hypopg is here for the optimizer')];
  const fix = `install it on this host (Debian: postgresql-${Math.floor(versionNumber / 10_000)}-hypopg); the source needs nothing`;
  return [lacking(policy, { name, line: `${binaries.folder} has no hypopg`, fix })];
}

/** Nobody misses it where the policy never has the optimizer run; whoever starts one by hand shall find it said. */
function lacking(policy: ClusterPolicy, { name, line, fix }: { readonly name: string; readonly line: string; readonly fix: string }): Finding {
  if (optimizerPolicyOf(policy).schedule !== null) return warning(name, `the optimizer cannot run: ${line}`, fix);
  return ok(name, `${line}: no optimizer is scheduled here; for a run by hand ${fix}`);
}
