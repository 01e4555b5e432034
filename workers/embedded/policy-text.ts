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
}

export function policyText({ cluster, host, temporalAddress, signingKeyFile, optimizer }: PolicyTextSource): string {
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
        schedules: {
          full: { cron: '0 3 * * 0', timezone: 'UTC' },
          incremental: { cron: '30 */6 * * *', timezone: 'UTC' },
        },
        retention: { fulls: 2, days: 7 },
        objectives: { rpo: '2m', rto: '10m' },
        proof: { after_backup: 'content', deep: { cron: '0 4 * * 6', timezone: 'UTC' }, random_per_week: 3 },
        witness: { every: '2s' },
        clone: { directory: `${directory}/clones`, memory: '256MB', binaries, ...(osUser.switched ? { os_user: osUser.name } : {}) },
        ...(optimizer === undefined ? {} : { optimizer }),
        evidence: `${directory}/evidence`,
      },
    },
  };
  return `# An embedded fleet: made by \`assay dev\` or \`npm run demo\`, gone with it.\n${stringify(file)}`;
}
