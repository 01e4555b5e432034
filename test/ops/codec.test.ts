import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createCodec, payloadCodec } from '../../workers/codec.ts';

const newKey = () => randomBytes(32).toString('base64');
const payloadOf = (value: unknown) => defaultPayloadConverter.toPayload(value) as Payload;
const decoded = (payload: Payload | undefined) => defaultPayloadConverter.fromPayload(payload as Payload);
const bytesOf = (payloads: Payload[]) => Buffer.concat(payloads.map(({ data }) => Buffer.from(data ?? []))).toString('latin1');

test('any value comes back, and nothing of it can be read on the way', async () => {
  const codec = createCodec(newKey());
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (value) => {
      const sent = await codec.encode([payloadOf({ needle: 'hunter2', value })]);
      expect(bytesOf(sent)).not.toContain('hunter2');
      expect(decoded((await codec.decode(sent))[0])).toEqual(JSON.parse(JSON.stringify({ needle: 'hunter2', value })));
    }),
    { numRuns: 50 },
  );
});

test('the same payload is never encrypted to the same bytes twice', async () => {
  const codec = createCodec(newKey());
  expect(bytesOf(await codec.encode([payloadOf('a')]))).not.toBe(bytesOf(await codec.encode([payloadOf('a')])));
});

test('a new key in front encrypts, the old one behind it still decrypts', async () => {
  const [old, fresh] = [newKey(), newKey()];
  const before = await createCodec(old).encode([payloadOf('before')]);
  const rotated = createCodec(`${fresh},${old}`);
  expect(decoded((await rotated.decode(before))[0])).toBe('before');
  const after = await rotated.encode([payloadOf('after')]);
  expect(decoded((await createCodec(fresh).decode(after))[0])).toBe('after');
  await expect(createCodec(old).decode(after)).rejects.toMatchObject({ code: 'secret-unreadable' });
});

test('payloads of the time before encryption pass unchanged', async () => {
  const plain = payloadOf('plain');
  expect(await createCodec(newKey()).decode([plain])).toEqual([plain]);
});

test('one changed bit anywhere in nonce, text or tag is refused', async () => {
  const codec = createCodec(newKey());
  const [sent] = await codec.encode([payloadOf('worth a lot')]);
  const data = Buffer.from(sent?.data ?? []);
  for (let at = 0; at < data.length; at++) {
    const damaged = Buffer.from(data);
    damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
    await expect(codec.decode([{ ...sent, data: damaged }])).rejects.toMatchObject({ code: 'secret-unreadable' });
  }
  await expect(codec.decode([{ ...sent, data: data.subarray(0, 20) }])).rejects.toMatchObject({ code: 'secret-unreadable' });
});

test.each(['', 'too short', `${newKey()},`, randomBytes(16).toString('base64')])('a key of another size is refused: %j', (keys) => {
  expect(() => createCodec(keys)).toThrow(/32/);
});

test('without a key nothing is encrypted', () => {
  expect(payloadCodec(null)).toEqual({});
  expect(payloadCodec(newKey()).dataConverter?.payloadCodecs).toHaveLength(1);
});
