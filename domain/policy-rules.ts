/** Rules of `assay.yaml` that hold between keys. They read the file as written, so that one wrong key hides no other fault. */
import type { KeyPath, PolicyFault } from './policy-faults.ts';
import { clusterNamePattern } from './policy-file.ts';
import { parseDuration } from './policy-units.ts';

type Group = Readonly<Record<string, unknown>>;
type Rule = (cluster: Group) => readonly PolicyFault[];

const isGroup = (value: unknown): value is Group => typeof value === 'object' && value !== null && !Array.isArray(value);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const durationOf = (value: unknown): number | null => (typeof value === 'string' ? parseDuration(value) : null);
const fault = (path: KeyPath, message: string, at: 'key' | 'value' = 'value'): PolicyFault => ({ path, at, message });

/** What stands at a path; undefined where nothing does or the shape is another. */
function at(group: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (isGroup(value) ? value[key] : undefined), group);
}

/** Every broken rule of the file. */
export function policyRules(raw: unknown): readonly PolicyFault[] {
  const clusters = at(raw, 'clusters');
  const named = isGroup(clusters) ? Object.entries(clusters) : [];
  const within = named.flatMap(([name, cluster]) => {
    const faults = isGroup(cluster) ? rules.flatMap((rule) => rule(cluster)) : [];
    return faults.map((one) => ({ ...one, path: ['clusters', name, ...one.path] }));
  });
  return [...clusterNames(named), ...temporalTls(raw), ...within, ...sameStanza(named)];
}

const clusterNames = (named: readonly (readonly [string, unknown])[]) =>
  named
    .filter(([name]) => !clusterNamePattern.test(name))
    .map(([name]) => fault(['clusters', name], 'name a cluster with small letters, digits, _ and -, at most 63', 'key'));

function temporalTls(raw: unknown): readonly PolicyFault[] {
  const tls = at(raw, 'temporal', 'tls');
  if (!isGroup(tls) || (typeof tls.certificate === 'string') === (typeof tls.key === 'string')) return [];
  return [fault(['temporal', 'tls'], 'write certificate and key together, or neither', 'key')];
}

/** Two clusters in one archive would overwrite each other's WAL. */
function sameStanza(named: readonly (readonly [string, unknown])[]): readonly PolicyFault[] {
  const seen = new Map<string, string>();
  return named.flatMap(([name, cluster]) => {
    const stanza = at(cluster, 'pgbackrest', 'stanza');
    if (typeof stanza !== 'string') return [];
    const places = archives(cluster).map((place) => `${stanza} in ${place}`);
    const other = places.map((place) => seen.get(place)).find((found) => found !== undefined);
    for (const place of places) if (!seen.has(place)) seen.set(place, name);
    if (other === undefined) return [];
    return [fault(['clusters', name, 'pgbackrest', 'stanza'], `stanza ${stanza} is already that of cluster ${other}; give each cluster its own`)];
  });
}

/** What identifies where a cluster's backups are: configuration file and host, or each repository. */
function archives(cluster: unknown): readonly string[] {
  const config = at(cluster, 'pgbackrest', 'config');
  if (typeof config === 'string') return [`${config} on ${String(at(cluster, 'host'))}`];
  return list(at(cluster, 'pgbackrest', 'repositories')).map((one) =>
    at(one, 'kind') === 's3'
      ? `${String(at(one, 'endpoint'))}/${String(at(one, 'bucket'))}${String(at(one, 'path'))}`
      : `${String(at(one, 'path'))} on ${String(at(cluster, 'host'))}`,
  );
}

const engineConfiguration: Rule = (cluster) => {
  const engine = at(cluster, 'pgbackrest');
  if (!isGroup(engine)) return [];
  const repositories = list(engine.repositories);
  const adopted = engine.config !== undefined;
  if (adopted && repositories.length > 0) {
    return [
      fault(['pgbackrest', 'repositories'], 'write either config (adopts an existing pgbackrest.conf) or repositories (Assay makes one), not both', 'key'),
    ];
  }
  if (adopted && engine.managed_config !== undefined)
    return [fault(['pgbackrest', 'managed_config'], 'leave it out: config names a file that Assay never writes', 'key')];
  if (!adopted && repositories.length === 0) return [fault(['pgbackrest'], 'write config: PATH of an existing pgbackrest.conf, or repositories', 'key')];
  const ids = repositories.map((one) => at(one, 'id') ?? 1);
  return ids.flatMap((id, index) =>
    ids.indexOf(id) === index ? [] : [fault(['pgbackrest', 'repositories', index, 'id'], `repository ${String(id)} is there already; give each its own id`)],
  );
};

const transport: Rule = (cluster) => {
  const ssl = at(cluster, 'connection', 'ssl') ?? 'disable';
  const host = at(cluster, 'connection', 'host');
  const socket = typeof host === 'string' && host.startsWith('/');
  return [
    ...(socket && ssl !== 'disable' ? [fault(['connection', 'ssl'], 'write disable: a Unix socket has no TLS')] : []),
    ...(ssl !== 'verify-full' && typeof at(cluster, 'connection', 'ssl_root_certificate') === 'string'
      ? [fault(['connection', 'ssl_root_certificate'], 'write ssl: verify-full with it, else it is not used', 'key')]
      : []),
  ];
};

const databases: Rule = (cluster) => {
  const excluded = list(at(cluster, 'exclude_databases'));
  const own = at(cluster, 'connection', 'database') ?? 'postgres';
  const holdsWitnesses = excluded.indexOf(own);
  const assertions = list(at(cluster, 'proof', 'assertions'));
  const names = assertions.map((one) => at(one, 'name'));
  return [
    ...(holdsWitnesses < 0 ? [] : [fault(['exclude_databases', holdsWitnesses], `leave ${String(own)} out: witnesses live in connection.database`)]),
    ...assertions.flatMap((one, index) => [
      ...(excluded.includes(at(one, 'database'))
        ? [fault(['proof', 'assertions', index, 'database'], 'this database is in exclude_databases; name another')]
        : []),
      ...(names[index] !== undefined && names.indexOf(names[index]) !== index
        ? [fault(['proof', 'assertions', index, 'name'], 'another assertion has this name; give each its own')]
        : []),
    ]),
  ];
};

const measurable: Rule = (cluster) => {
  const rpo = durationOf(at(cluster, 'objectives', 'rpo'));
  const every = durationOf(at(cluster, 'witness', 'every') ?? '15s');
  if (rpo === null || every === null || rpo >= every) return [];
  return [fault(['objectives', 'rpo'], 'write at least witness.every: nothing shorter can be measured')];
};

const provenAtAll: Rule = (cluster) => {
  const proof = at(cluster, 'proof');
  if (at(cluster, 'environment') !== 'production' || !isGroup(proof)) return [];
  const never = proof.after_backup === 'none' && proof.deep === null && proof.random_per_week === 0;
  return never ? [fault(['proof'], 'production needs a proof: write after_backup: content, a deep schedule, or random_per_week', 'key')] : [];
};

const sampled: Rule = (cluster) => {
  const mode = at(cluster, 'proof', 'fingerprint', 'mode') ?? 'full';
  const given = at(cluster, 'proof', 'fingerprint', 'sample_share') !== undefined;
  return given && mode !== 'sample' ? [fault(['proof', 'fingerprint', 'sample_share'], 'write mode: sample with it, else it is not used', 'key')] : [];
};

const onStandby: Rule = (cluster) => {
  const fingerprint = at(cluster, 'proof', 'fingerprint');
  if (!isGroup(fingerprint) || !isGroup(fingerprint.standby)) return [];
  // a standby counts no changes of its own
  return fingerprint.mode === 'changed' ? [fault(['proof', 'fingerprint', 'mode'], 'write full or sample: a standby does not count what changed')] : [];
};

const optimized: Rule = (cluster) => {
  const named = at(cluster, 'optimizer', 'database');
  const excluded = list(at(cluster, 'exclude_databases'));
  const unattended = list(at(cluster, 'optimizer', 'unattended'));
  return [
    ...(typeof named === 'string' && excluded.includes(named) ? [fault(['optimizer', 'database'], 'this database is in exclude_databases; name another')] : []),
    ...(unattended.length > 0 && at(cluster, 'optimizer', 'apply') !== 'execute'
      ? [fault(['optimizer', 'unattended'], 'write apply: execute with it, else nothing is executed')]
      : []),
  ];
};

const rules: readonly Rule[] = [engineConfiguration, transport, databases, measurable, provenAtAll, sampled, onStandby, optimized];
