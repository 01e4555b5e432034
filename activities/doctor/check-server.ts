/** Is this the server it should be, reached directly? */
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { ClusterFacts } from './cluster-facts.ts';
import { type Finding, fault, few, ok, warning } from './line.ts';

/** Witnesses, restore points and markers need the primary. */
export function checkPrimary({ inRecovery }: ClusterFacts): Finding {
  const name = 'primary';
  return inRecovery
    ? fault(
        name,
        'this server is a replica (in recovery)',
        'name the primary in connection.host; backups themselves may still be taken from a replica by the engine',
      )
    : ok(name, 'this server is a primary');
}

/** Temporary slots, session settings and exported snapshots do not survive a pooler. */
export function checkPooler({ isPooled }: ClusterFacts, { connection }: ClusterPolicy): Finding {
  const name = 'direct-connection';
  const where = `${connection.host}:${connection.port}`;
  return isPooled
    ? fault(
        name,
        `a pooler answers at ${where}: the process that answers is not the one connected to`,
        "write the server's own host and port in connection (PostgreSQL's is 5432 by default)",
      )
    : ok(name, `${where} is the server itself`);
}

interface Service {
  readonly label: string;
  readonly is: (facts: ClusterFacts) => boolean;
}

const services: readonly Service[] = [
  { label: 'Amazon Aurora', is: ({ versionText, settings }) => /aurora/i.test(versionText) || (settings['rds.extensions'] ?? '').includes('aurora') },
  { label: 'Amazon RDS', is: ({ serviceRoles, settings }) => serviceRoles.includes('rds_superuser') || settings['rds.extensions'] !== undefined },
  { label: 'AlloyDB', is: ({ serviceRoles }) => serviceRoles.includes('alloydbsuperuser') },
  { label: 'Google Cloud SQL', is: ({ serviceRoles }) => serviceRoles.includes('cloudsqlsuperuser') },
  { label: 'Azure Database for PostgreSQL', is: ({ serviceRoles }) => serviceRoles.includes('azure_pg_admin') },
  { label: 'Neon', is: ({ serviceRoles }) => serviceRoles.includes('neon_superuser') },
];

/** A managed service keeps data directory and archive_command to itself. */
export function checkManagedService(facts: ClusterFacts): Finding {
  const name = 'managed-service';
  const service = services.find(({ is }) => is(facts));
  if (service === undefined) return ok(name, 'not a managed service: the data directory can be backed up');
  return fault(
    name,
    `this is ${service.label}: fingerprints and witnesses work, but no engine can read its data directory or set archive_command, so there is no backup to prove`,
    "keep the service's own backups; to prove them, restore one into a PostgreSQL of your own and register that",
  );
}

/** Targets by time and the measured RPO compare both clocks. */
export function checkClock({ clockAheadMs }: ClusterFacts): Finding {
  const name = 'clock';
  const apart = Math.abs(clockAheadMs);
  const line = `clocks of server and this host are ${apart} ms apart`;
  if (apart < 2_000) return ok(name, line);
  const fix = 'synchronise both (chrony, systemd-timesyncd): recovery times and the measured RPO are as wrong as this';
  return apart < 60_000 ? warning(name, line, fix) : fault(name, line, fix);
}

/** An inactive slot holds WAL for ever: pg_wal fills its disk. */
export function checkSlots({ slots, settings }: ClusterFacts): readonly Finding[] {
  const name = 'replication-slots';
  const lost = slots.filter(({ state }) => state === 'lost');
  const holding = slots.filter(({ active, temporary, retainedBytes, state }) => !active && !temporary && state !== 'lost' && retainedBytes > 256 * 1024 ** 2);
  const limit = Number(settings.max_replication_slots ?? 0);
  const findings: Finding[] = [];
  for (const slot of holding) {
    const line = `slot ${slot.name} is inactive and holds back ${Math.round(slot.retainedBytes / 1024 ** 2)} MB of WAL`;
    findings.push(warning(name, line, `start its consumer, or drop it: select pg_drop_replication_slot('${slot.name.replaceAll("'", "''")}')`));
  }
  if (lost.length > 0) findings.push(warning(name, `lost slots: ${few(lost.map((slot) => slot.name))}`, 'drop them; their consumers must start anew'));
  if (limit - slots.length < 1)
    findings.push(
      warning(
        name,
        `all ${limit} replication slots are taken: markers cannot use the lock-free way`,
        'raise max_replication_slots by 2 and restart the server',
      ),
    );
  return findings.length > 0 ? findings : [ok(name, `${slots.length} of ${limit} slots are taken, none holds WAL back`)];
}
