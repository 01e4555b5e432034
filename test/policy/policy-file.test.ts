import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isAssayError } from '../../domain/errors.ts';
import { defaultLimits } from '../../domain/optimizer/limits.ts';
import { defaultOptimizerPolicy } from '../../domain/optimizer/policy.ts';
import { policyKeyLines } from '../../domain/policy-docs.ts';
import { schemasAt } from '../../domain/policy-keys.ts';
import { configurationPage, schemaFile } from '../../workers/config-docs.ts';
import { checkPolicy, faultLine, readPolicy } from '../../workers/read-policy.ts';

const smallest = `version: 1
clusters:
  shop:
    environment: dev
    host: db1
    connection: { host: /tmp }
    pgbackrest: { stanza: main, config: pgbackrest.conf }
`;
const check = (text: string) => checkPolicy(text, '/etc/assay/assay.yaml');
const faultsOf = (text: string) => check(text).faults.map((fault) => faultLine('f', fault));
/** The smallest file with lines added to its cluster. */
const withCluster = (...lines: readonly string[]) => `${smallest}${lines.map((line) => `    ${line}\n`).join('')}`;

describe('a sound file', () => {
  test('fills in every default', () => {
    const cluster = check(smallest).policy?.clusters[0];
    expect(cluster).toMatchObject({
      cluster: 'shop',
      connection: { host: '/tmp', port: 5432, user: 'assay', password: null, database: 'postgres', sslMode: 'disable' },
      engine: { ownership: 'adopted', config: '/etc/assay/pgbackrest.conf', processMax: 2, timeoutMs: 86_400_000 },
      schedules: { full: null, differential: null, incremental: null },
      retention: { fulls: 2, days: 14, keep: [], schedule: { cron: '0 6 * * *', timeZone: 'UTC', jitterMs: 900_000 } },
      proof: { afterBackup: 'content', deep: { cron: '0 4 * * 0', catchUpMs: 43_200_000 }, randomPerWeek: 2 },
      witness: { everyMs: 15_000 },
      clone: { memoryMb: 512, honest: true },
      evidenceDirectory: '/var/lib/assay/evidence',
    });
  });

  test('resolves relative paths and file references against the folder of the file', () => {
    const text = withCluster('evidence: ./evidence').replace('connection: { host: /tmp }', 'connection: { host: /tmp, password: "file:keys/pw" }');
    const cluster = check(text).policy?.clusters[0];
    expect(cluster?.evidenceDirectory).toBe('/etc/assay/evidence');
    expect(cluster?.connection.password).toBe('file:/etc/assay/keys/pw');
  });

  test('reads a standby as a connection of its own; none is the default', () => {
    const standby = check(withCluster('proof: { fingerprint: { standby: { host: /s, password: "file:pw" } } }')).policy?.clusters[0]?.proof.fingerprint.standby;
    expect(standby).toMatchObject({ host: '/s', port: 5432, user: 'assay', password: 'file:/etc/assay/pw' });
    expect(check(smallest).policy?.clusters[0]?.proof.fingerprint).not.toHaveProperty('standby');
  });

  test('reads expected rows as the text PostgreSQL prints', () => {
    const text = withCluster('proof: { assertions: [{ name: a, database: b, sql: select 1, expect: [[1, true, null, x]] }] }');
    expect(check(text).policy?.clusters[0]?.proof.assertions[0]?.expect).toEqual([['1', 't', null, 'x']]);
  });

  test('says what the optimizer may do: nothing said is the default, and each key reaches the policy', () => {
    expect(check(smallest).policy?.clusters[0]?.optimizer).toEqual(defaultOptimizerPolicy);
    const lines = [
      'optimizer:',
      '  schedule: { cron: "0 3 * * 6" }',
      '  database: till',
      '  limits: { budget: 10MB, protected_tables: [public.ledger], measure: 2m }',
      '  apply: execute',
      '  unattended: [create-index]',
      '  evidence_age: 2d',
      '  decide_within: 3d',
      '  guard: { window: 10m, windows: 3, min_calls: 5 }',
      '  lock_timeout: 5s',
      '  capture: { values: true, keep: 2d, key: "file:keys/values" }',
    ];
    expect(check(withCluster(...lines)).policy?.clusters[0]?.optimizer).toEqual({
      schedule: { cron: '0 3 * * 6', timeZone: 'UTC', jitterMs: 0, catchUpMs: 43_200_000 },
      database: 'till',
      limits: { ...defaultLimits, budgetBytes: 10 * 1024 ** 2, protectedTables: ['public.ledger'], measureMs: 120_000 },
      apply: 'execute',
      unattended: ['create-index'],
      evidenceAgeMs: 172_800_000,
      decisionMs: 259_200_000,
      guard: { windowMs: 600_000, windows: 3, minCalls: 5 },
      lockTimeoutMs: 5_000,
      capture: { values: true, keepMs: 172_800_000, key: 'file:/etc/assay/keys/values' },
    });
  });

  test('makes a configuration of its own from repositories', () => {
    const repositories =
      '[{ kind: posix, path: /r }, { kind: s3, id: 2, bucket: b, endpoint: s3.local, port: 9000, region: r, uri_style: path, key: env:K, key_secret: env:S }]';
    const engine = check(smallest.replace('config: pgbackrest.conf', `repositories: ${repositories}`)).policy?.clusters[0]?.engine;
    expect(engine).toMatchObject({ ownership: 'managed', config: '/etc/assay/pgbackrest-shop.conf' });
    expect(engine?.repositories).toMatchObject([
      { kind: 'posix', id: 1, path: '/r' },
      { kind: 's3', id: 2, port: 9000, uriStyle: 'path', verifyTls: true },
    ]);
  });
});

describe('faults', () => {
  test('come all at once, each with line, column, key and what to write instead', () => {
    const text = `version: 2
clusters:
  Shop:
    environment: prod
    connection: { host: /tmp, port: "x" }
    pgbackrest: { stanza: main, config: c, repositories: [{ kind: posix }] }
    retention: { dayz: 3 }
    witness: { every: 30 }
    proof: { deep: { cron: "61 * * * *", timezone: Mars/Base } }
`;
    expect(faultsOf(text)).toEqual([
      'f:1:10  version: write version: 1',
      'f:3:3  clusters.Shop.host: missing: write letters, digits, dots, dashes',
      'f:3:3  clusters.Shop: name a cluster with small letters, digits, _ and -, at most 63',
      'f:4:18  clusters.Shop.environment: write dev, staging or production, not "prod"',
      'f:5:37  clusters.Shop.connection.port: write a whole number from 1 to 65535, not "x"',
      expect.stringMatching(/^f:6:44 {2}clusters\.Shop\.pgbackrest\.repositories: write either config .* or repositories .*, not both$/),
      'f:6:59  clusters.Shop.pgbackrest.repositories[0].path: missing: write a path',
      'f:7:18  clusters.Shop.retention.dayz: unknown key; did you mean days?',
      'f:8:23  clusters.Shop.witness.every: write a duration such as 15s, 10m, 6h or 30d, not 30',
      expect.stringMatching(/^f:9:28 {2}clusters\.Shop\.proof\.deep\.cron: .*; write five fields such as/),
      'f:9:52  clusters.Shop.proof.deep.timezone: no time zone Mars/Base is known; write an IANA name such as UTC or Europe/Berlin',
    ]);
  });

  test.each([
    ['password: hunter2', 'connection', 'connection: { host: /tmp, password: hunter2 }'],
    ['cipher_pass: hunter2', 'pgbackrest', 'pgbackrest: { stanza: s, repositories: [{ kind: posix, path: /r, cipher_pass: hunter2 }] }'],
    ['control: postgresql://u:hunter2@h/d', 'control', null],
    [
      'key: hunter2',
      'pgbackrest',
      'pgbackrest: { stanza: s, repositories: [{ kind: s3, bucket: b, endpoint: e, region: r, key: hunter2, key_secret: env:S }] }',
    ],
  ])('refuse a literal secret (%s) and never repeat it', (_, key, line) => {
    const text = line === null ? `control: postgresql://u:hunter2@h/d\n${smallest}` : smallest.replace(new RegExp(`    ${key}: .*`), `    ${line}`);
    const faults = faultsOf(text).join('\n');
    expect(faults).toContain('write a reference to the secret, env:NAME or file:PATH');
    expect(faults).not.toContain('hunter2');
  });

  test.each([
    [
      'two clusters in one stanza',
      `${smallest}${smallest.slice(smallest.indexOf('  shop:')).replace('shop', 'till')}`,
      'stanza main is already that of cluster shop',
    ],
    [
      'neither config nor repositories',
      smallest.replace(', config: pgbackrest.conf', ''),
      'write config: PATH of an existing pgbackrest.conf, or repositories',
    ],
    ['a witness database that is excluded', withCluster('exclude_databases: [postgres]'), 'leave postgres out: witnesses live in connection.database'],
    [
      'an assertion in an excluded database',
      withCluster('exclude_databases: [a]', 'proof: { assertions: [{ name: n, database: a, sql: s, expect: [] }] }'),
      'in exclude_databases',
    ],
    ['an RPO below the witness cadence', withCluster('objectives: { rpo: 10s }'), 'write at least witness.every'],
    [
      'production without any proof',
      withCluster('proof: { after_backup: none, deep: null, random_per_week: 0 }').replace('dev', 'production'),
      'production needs a proof',
    ],
    ['TLS over a socket', smallest.replace('{ host: /tmp }', '{ host: /tmp, ssl: require }'), 'a Unix socket has no TLS'],
    [
      'a root certificate nobody reads',
      smallest.replace('{ host: /tmp }', '{ host: h, ssl: require, ssl_root_certificate: c }'),
      'write ssl: verify-full with it',
    ],
    ['half a client certificate', `temporal: { tls: { key: k } }\n${smallest}`, 'write certificate and key together'],
    [
      'two repositories of one id',
      smallest.replace('config: pgbackrest.conf', 'repositories: [{ kind: posix, path: /a }, { kind: posix, path: /b }]'),
      'repository 1 is there already',
    ],
    ['a cron line limited by day and weekday', withCluster('schedules: { full: { cron: "0 1 1 * 1" } }'), 'not both'],
    ['a cron line of six fields', withCluster('schedules: { full: { cron: "0 0 1 * * 1" } }'), 'write five fields'],
    ['a sample share without the mode', withCluster('proof: { fingerprint: { sample_share: 0.2 } }'), 'write mode: sample with it'],
    ['changes counted on a standby', withCluster('proof: { fingerprint: { mode: changed, standby: { host: /s } } }'), 'write full or sample'],
    ['an optimizer for an excluded database', withCluster('exclude_databases: [a]', 'optimizer: { database: a }'), 'in exclude_databases'],
    ['a protected table without its schema', withCluster('optimizer: { limits: { protected_tables: [ledger] } }'), 'write schema.table, not "ledger"'],
    ['too small a guard window', withCluster('optimizer: { guard: { window: 1s } }'), 'write a duration from 10s to 30d'],
    ['another way to apply', withCluster('optimizer: { apply: always }'), 'sql or execute'],
    ['changes without a person, executed by nobody', withCluster('optimizer: { unattended: [reindex] }'), 'write apply: execute with it'],
    ['a kind of change that there is not', withCluster('optimizer: { apply: execute, unattended: [vacuum] }'), 'create-statistics'],
    ['a cron line of the optimizer', withCluster('optimizer: { schedule: { cron: "61 * * * *" } }'), 'write five fields'],
    ['a key at the wrong level', withCluster('days: 3'), 'unknown key; it belongs in clusters.shop.retention.days'],
    ['a key written in camel case', withCluster('clone: { maxClones: 3 }'), 'did you mean max_clones?'],
    ['a duration out of range', withCluster('witness: { every: 2h }'), 'write a duration from 1s to 1h, not "2h"'],
    ['a name that is a number', smallest.replace('{ host: /tmp }', '{ host: /tmp, database: 5 }'), 'write "5" in quotes, not 5'],
    ['a group that is a word', smallest.replace('connection: { host: /tmp }', 'connection: here'), 'write a group with host, port'],
    ['an unquoted star', withCluster('schedules: { full: { cron: * * * * * } }'), 'put a value that starts with * in quotes'],
    ['an empty file', '', 'missing: write version: 1'],
    ['a file that is a list', '- a', 'write a group with version, temporal'],
  ])('%s', (_, text, message) => {
    const faults = faultsOf(text);
    expect(faults.join('\n')).toContain(message);
    expect(faults.length).toBeLessThanOrEqual(text === '' ? 2 : 3);
  });

  test('point at the line of the YAML that cannot be read', () => {
    expect(faultsOf('version: 1\nclusters:\n  a: [1\n')[0]).toMatch(/^f:4:1 {2}/);
  });

  test('of a key that stands there twice hide no other', () => {
    const twice = `${smallest.replace('host: db1', 'hosts: db1')}    retention: { days: 1 }\n    retention: { dayz: 2 }\n`;
    expect(faultsOf(twice)).toEqual([
      'f:3:3  clusters.shop.host: missing: write letters, digits, dots, dashes',
      'f:5:5  clusters.shop.hosts: unknown key; did you mean host?',
      'f:8:5  clusters.shop.retention.dayz: unknown key; did you mean days?',
      'f:9:5  this key stands here a second time: keep one of the two',
    ]);
    expect(check(`${smallest}version: 1\n`).policy).toBeNull();
  });

  const laughs = ['a: &a [x, x, x, x, x, x, x, x, x]', ...[...'bcdefgh'].map((name, at) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[at]}`).join()}]`)];
  test.each([
    ['tabs', 'version: 1\nclusters:\n\tshop: 1\n', 'f:3:1  indent with spaces, not with tabs'],
    ['two documents', `${smallest}---\n${smallest}`, 'f:8:1  a second document begins here: write one document, without ---'],
    ['brackets without end', `a: ${'['.repeat(5000)}`, 'nested too deep for any policy'],
    ['aliases that double each other', laughs.join('\n'), 'f:2:8  an alias (*name) stands for itself, or for too much: write its values out'],
    ['an alias of itself', 'version: 1\nclusters: &a\n  shop: *a\n', 'f:3:9  an alias (*name) stands for itself, or for too much'],
    ['names of JavaScript', `__proto__: { a: 1 }\n${smallest}`, 'f:1:1  __proto__: unknown key; known here: version'],
    ['signs of cron that Temporal has not', withCluster('schedules: { full: { cron: "0 1 L * *" } }'), 'the signs * , - / only'],
    ['a hash of Jenkins', withCluster('schedules: { full: { cron: "H 1 * * *" } }'), 'the signs * , - / only'],
    ['a zone in small letters', withCluster('schedules: { full: { cron: "0 1 * * *", timezone: europe/berlin } }'), 'timezone: write Europe/Berlin'],
  ])('name what is hostile or odd: %s', (_, text, message) => {
    expect(faultsOf(text).join('\n')).toContain(message);
  });

  test('of five hundred wrong clusters are told within seconds', { timeout: 30_000 }, () => {
    const clusters = Array.from({ length: 500 }, (_, at) => `  c${at}:\n    bogus: 1\n`).join('');
    expect(faultsOf(`version: 1\nclusters:\n${clusters}`)).toHaveLength(2_500);
  });
});

test('a file that is not there is policy-unreadable, a wrong one policy-invalid', () => {
  expect(() => readPolicy('/nowhere/assay.yaml')).toThrow(expect.toSatisfy((error) => isAssayError(error, 'policy-unreadable')));
});

describe('the committed documents', () => {
  const committed = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
  const way = 'run `node workers/config-docs.ts`';

  test('equal the definitions', () => {
    expect(committed('configuration.md'), way).toBe(configurationPage());
    expect(committed('assay.schema.json'), way).toBe(schemaFile());
  });

  test('every key has help and a unit', () => {
    const bare = policyKeyLines().filter(({ help, unit }) => help === '' || unit === '');
    expect(bare).toEqual([]);
    expect(policyKeyLines().length).toBeGreaterThan(70);
  });

  test('the smallest file of the page is sound', () => {
    const example = /```yaml\n(version[\s\S]*?)```/.exec(configurationPage())?.[1] ?? '';
    expect(faultsOf(example)).toEqual([]);
    expect(check(example).policy?.clusters).toHaveLength(1);
  });

  test('schemasAt finds what may stand below a list of alternatives', () => {
    expect(schemasAt(['clusters', 'any', 'pgbackrest', 'repositories', 0, 'bucket'])).toHaveLength(1);
    expect(schemasAt(['clusters', 'any', 'nothing'])).toHaveLength(0);
  });
});
