/** A sound cluster and host; each test damages one thing. */
import type { ClusterFacts, DatabaseFacts } from '../../activities/doctor/cluster-facts.ts';
import type { HostFacts } from '../../activities/doctor/host-facts.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import { checkPolicy } from '../../workers/read-policy.ts';

export const database: DatabaseFacts = {
  name: 'shop',
  bytes: 10 * 1024 ** 3,
  collate: 'en_US.UTF-8',
  collationRecorded: '2.36',
  collationActual: '2.36',
  provider: 'libc',
  extensions: [{ name: 'plpgsql', version: '1.0' }],
  unreadable: null,
};

export const sound: ClusterFacts = {
  versionNumber: 150_018,
  versionText: 'PostgreSQL 15.18 on x86_64-pc-linux-gnu',
  inRecovery: false,
  systemIdentifier: '7000000000000000001',
  timeline: 1,
  insertLsn: '0/5000100',
  segmentBytes: 16 * 1024 ** 2,
  settings: {
    wal_level: 'logical',
    archive_mode: 'on',
    archive_command: "pgbackrest --config='/etc/pgbackrest.conf' --stanza=main archive-push %p",
    archive_library: '',
    archive_timeout: '60',
    data_checksums: 'on',
    data_directory: '/nowhere/data',
    max_replication_slots: '10',
  },
  pendingRestart: [],
  databases: [database],
  tablespaces: [],
  slots: [],
  archiver: { lastArchived: '000000010000000000000004', lastFailed: null, failed: 0, failing: false },
  serviceRoles: [],
  isSuperuser: false,
  readsStatistics: true,
  isPooled: false,
  clockAheadMs: 3,
};

export const host: HostFacts = {
  engineVersion: '2.45',
  engineReason: '',
  binaries: { folder: '/usr/lib/postgresql/15/bin', version: '15.18', missingPrograms: [], extensions: new Set(['plpgsql', 'amcheck']) },
  looked: ['/usr/lib/postgresql/15/bin'],
  libc: '2.36',
  locales: new Set(['c', 'en_us.utf8']),
  seesClones: true,
  cloneDisk: { directory: '/clones', freeBytes: 100 * 1024 ** 3, sharesDataDisk: false, writable: true, shutOut: null },
};

const text = `version: 1
clusters:
  shop:
    environment: production
    host: db1
    connection: { host: db1, database: shop }
    pgbackrest: { stanza: main, config: /etc/pgbackrest.conf }
`;

export const policy = checkPolicy(text, '/assay.yaml').policy?.clusters[0] as ClusterPolicy; // a sound file has it
