import { expect, test } from 'vitest';
import { createLog } from '../../ops/log.ts';
import { oneOfEach } from '../support/observations.ts';

function capture(level: 'debug' | 'info' | 'warn' | 'error' = 'debug') {
  const written: string[] = [];
  const observe = createLog({ level, destination: { write: (line: string) => void written.push(line) } });
  return { observe, written, lines: () => written.map((line) => JSON.parse(line)) };
}

test('every observation is one line of JSON with its kind, an ISO time and a lower-case sentence', () => {
  const { observe, lines } = capture();
  for (const seen of Object.values(oneOfEach)) observe(seen);
  expect(lines().map((line) => line.kind)).toEqual(Object.keys(oneOfEach));
  for (const line of lines()) {
    expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(line.msg).toMatch(/^[^A-Z]/);
    expect(line.msg).not.toMatch(/undefined|null|\[object/);
  }
});

test('a failed proof and a gap are errors, an inconclusive proof a warning', () => {
  const { observe, lines } = capture('warn');
  observe({ ...oneOfEach['proof-judged'], verdict: 'failed', level: null, cause: 'wal-gap' });
  observe({ ...oneOfEach['proof-judged'], verdict: 'inconclusive', level: null, cause: 'disk-full' });
  observe({ ...oneOfEach['archive-measured'], gaps: 2 });
  observe(oneOfEach['witness-written']);
  expect(lines().map((line) => [line.level, line.kind])).toEqual([
    ['error', 'proof-judged'],
    ['warn', 'proof-judged'],
    ['error', 'archive-measured'],
  ]);
});

test.each([
  ['a URL', 'cannot reach postgresql://app:hunter2@db1/orders now'],
  ['a URL without a user', 'cannot reach redis://:hunter2@db1 now'],
  ['a setting', 'repo1-cipher-pass=hunter2 is wrong'],
  ['a quoted setting', 'PGPASSWORD="hunter2" psql'],
  ['JSON', '{"password": "hunter2", "user": "app"}'],
  ['an S3 key', 'repo1-s3-key-secret=hunter2'],
  ['a private key', '-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----'],
  ["PostgreSQL's rows", 'ERROR:  duplicate key\nDETAIL:  Key (email)=(hunter2) already exists.'],
])('a secret never reaches the log: %s', (_where, message) => {
  const { observe, written } = capture();
  observe({ ...oneOfEach['step-failed'], message });
  observe({ ...oneOfEach['witness-failed'], reason: message });
  expect(written).toHaveLength(2);
  expect(written.join('')).not.toContain('hunter2');
  expect(written.join('')).toContain('****');
});

test('what is no secret stays readable', () => {
  const { observe, lines } = capture();
  observe({ ...oneOfEach['step-failed'], message: 'pgbackrest ended with status 49: unable to connect to 127.0.0.1:9000' });
  expect(lines()[0].message).toBe('pgbackrest ended with status 49: unable to connect to 127.0.0.1:9000');
});
