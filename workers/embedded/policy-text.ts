/** The `assay.yaml` of an embedded fleet: what a user would write for the same cluster. */
import { stringify } from 'yaml';
import type { EmbeddedCluster } from './cluster.ts';

export interface PolicyTextSource {
  readonly cluster: EmbeddedCluster;
  readonly host: string;
  readonly temporalAddress: string;
  readonly signingKeyFile: string;
  /** Section `optimizer`, as a file says it; left out: what Assay does of itself. */
  readonly optimizer?: object;
  /** Default: due at night, as a user would have it. */
  readonly schedules?: EmbeddedSchedules;
}

/**
 * When an embedded fleet's schedules are due. `away`: once a day, twelve hours from now; nothing starts beside what the fleet was started for
 * (a clone more, and a test that counts clones fails four times a day).
 */
export type EmbeddedSchedules = 'nightly' | 'away';

const UTC = { timezone: 'UTC' } as const;

function schedulesOf(when: EmbeddedSchedules) {
  if (when === 'nightly')
    return {
      schedules: { full: { cron: '0 3 * * 0', ...UTC }, incremental: { cron: '30 */6 * * *', ...UTC } },
      proofs: { deep: { cron: '0 4 * * 6', ...UTC }, random_per_week: 3 },
      expiry: {},
    };
  const daily = { cron: `0 ${(new Date().getUTCHours() + 12) % 24} * * *`, ...UTC };
  return { schedules: { full: daily, incremental: daily }, proofs: { deep: daily, random_per_week: 0 }, expiry: { schedule: daily } };
}

export function policyText({ cluster, host, temporalAddress, signingKeyFile, optimizer, schedules: when = 'nightly' }: PolicyTextSource): string {
  const { schedules, proofs, expiry } = schedulesOf(when);
  const { directory, socketDirectory, port, stanza, configFile, name, binaries, osUser } = cluster;
  const file = {
    version: 1,
    temporal: { address: temporalAddress, namespace: 'default' },
    control: 'env:ASSAY_CONTROL_URL',
    signing_key: `file:${signingKeyFile}`,
    clusters: {
      [name]: {
        environment: 'dev',
        host,
        connection: { host: socketDirectory, port, user: 'postgres', database: 'postgres' },
        pgbackrest: { stanza, config: configFile, process_max: 2 },
        schedules,
        retention: { fulls: 2, days: 7, ...expiry },
        objectives: { rpo: '2m', rto: '10m' },
        proof: { after_backup: 'content', ...proofs },
        witness: { every: '2s' },
        clone: { directory: `${directory}/clones`, memory: '256MB', binaries, ...(osUser.switched ? { os_user: osUser.name } : {}) },
        ...(optimizer === undefined ? {} : { optimizer }),
        evidence: `${directory}/evidence`,
      },
    },
  };
  return `# An embedded fleet: made by \`assay dev\` or \`npm run demo\`, gone with it.\n${stringify(file)}`;
}
