/**
 * docs/configuration.md and docs/assay.schema.json, from the definitions that parse; a test keeps the files equal to them.
 * `node workers/config-docs.ts` writes both.
 */
import { writeFileSync } from 'node:fs';
import { policyReference } from '../domain/policy-docs.ts';
import { policyJsonSchema } from '../domain/policy-keys.ts';
import { environment } from './config.ts';

/** docs/assay.schema.json; short lists on one line, as the formatter wants them. */
export const schemaFile = (): string =>
  `${JSON.stringify(policyJsonSchema(), null, 2).replaceAll(/\[\n\s+([^[\]{}]*?)\n\s+\]/g, (_, items: string) => `[${items.replaceAll(/,\n\s+/g, ', ')}]`)}\n`;

/** docs/configuration.md. */
export const configurationPage = (): string => `# Configuration

Made by \`node workers/config-docs.ts\` from the definitions that parse; do not edit.

Two things are configured: what the fleet keeps and proves, in one policy file, and how a process runs, in its environment.

## The policy file, assay.yaml

\`assay init\` writes a commented one for a cluster it finds. \`assay plan\` checks it and shows what would change; all faults come at once, each with
file, line, column, key and what to write instead. Editors complete and check it with \`docs/assay.schema.json\`: begin the file with

\`\`\`yaml
# yaml-language-server: $schema=./docs/assay.schema.json
\`\`\`

- **Durations** are one whole number and a unit: \`ms\`, \`s\`, \`m\`, \`h\`, \`d\`. **Sizes** likewise: \`B\`, \`kB\`, \`MB\`, \`GB\`, \`TB\`, powers of 1024 as in PostgreSQL.
- **Secrets** are references, \`env:NAME\` or \`file:PATH\` (mode 0600); the secret itself is refused.
- **Relative paths** start at the folder of the file.
- **A cron line** that starts with \`*\` needs quotes. Day of month and weekday cannot both be limited: cron and Temporal read that differently.

The smallest file that says something:

\`\`\`yaml
version: 1
clusters:
  shop:
    environment: production
    host: db1
    connection: { host: /var/run/postgresql }
    pgbackrest: { stanza: main, config: /etc/pgbackrest/pgbackrest.conf }
    schedules:
      full: { cron: "0 1 * * 0", timezone: Europe/Berlin }
      incremental: { cron: "0 1 * * 1-6", timezone: Europe/Berlin }
\`\`\`

${policyReference()}

## The environment of a process

\`assay config show\` prints what is in force, secrets as stars. An empty variable counts as not set.

| variable | what | default |
| --- | --- | --- |
${Object.entries(environment)
  .map(([name, { help, default: fallback, secret }]) => `| \`${name}\`${secret ? ' (secret)' : ''} | ${help} | ${fallback} |`)
  .join('\n')}
`;

if (import.meta.main) {
  const docs = new URL('../docs/', import.meta.url);
  writeFileSync(new URL('configuration.md', docs), configurationPage());
  writeFileSync(new URL('assay.schema.json', docs), schemaFile());
}
