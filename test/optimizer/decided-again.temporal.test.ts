/** Decisions on what was decided: the first one stays, and whoever comes later is told. On a real Temporal server and a real control database. */
import { expect, test } from 'vitest';
import { decide, proposed, useWorld, world } from './recommendation-support.ts';
import { source } from './scripted-source.ts';

useWorld();

test('who approved stays: another approval is told so and changes nothing, the same one sent again is answered as it was', async () => {
  world.optimizer = { ...world.optimizer, apply: 'sql' };
  const { id, digest, end } = await proposed();
  expect(await decide(id, digest, { by: 'alice', reason: 'first' })).toMatchObject({ state: 'approved' });
  await end;
  const kept = await world.store.history({ recommendation: id }, 20);
  const second = decide(id, digest, { by: 'bob', reason: 'second' });
  await expect(second).rejects.toMatchObject({ code: 'refused-by-guard', message: expect.stringMatching(/approved already by alice at .* UTC: first/) });
  expect(await decide(id, digest, { by: 'alice', reason: 'first' })).toMatchObject({ state: 'approved' });
  expect(await world.store.history({ recommendation: id }, 20)).toEqual(kept);
  expect(kept.find(({ state }) => state === 'approved')).toMatchObject({ by: 'alice', because: ['first'] });
  expect(await decide(id, digest, { verdict: 'refuse', by: 'bob', reason: 'after all' })).toMatchObject({ state: 'refused' });
  const again = decide(id, digest, { verdict: 'refuse', by: 'carol', reason: 'me too' });
  await expect(again).rejects.toMatchObject({ code: 'refused-by-guard', message: expect.stringMatching(/it is over: refused by bob at .* UTC: after all/) });
  expect((await world.store.history({ recommendation: id }, 20)).map(({ state, by }) => `${state} ${by}`)).toEqual([
    'refused bob',
    'approved alice',
    'proposed null',
  ]);
});

test('approved while it is carried out: another one is told who did, and the same one joins', async () => {
  let go = () => {};
  source.blocked = new Promise((resolve) => {
    go = resolve;
  });
  const { id, digest, end } = await proposed();
  await decide(id, digest, { by: 'alice' });
  await expect(decide(id, digest, { by: 'bob' })).rejects.toMatchObject({
    code: 'refused-by-guard',
    message: expect.stringContaining('approved already by alice'),
  });
  expect(await decide(id, digest, { by: 'alice' })).toMatchObject({ state: 'approved', apply: 'execute' });
  go();
  expect(await end).toMatchObject({ state: 'kept' });
});

test('approved as SQL, and by somebody else carried out later: each is named with what they decided', async () => {
  world.optimizer = { ...world.optimizer, apply: 'sql' };
  const { id, digest, end } = await proposed();
  await decide(id, digest, { by: 'alice', reason: 'first' });
  await end;
  world.optimizer = { ...world.optimizer, apply: 'execute' };
  expect(await decide(id, digest, { by: 'bob', reason: 'now' })).toMatchObject({ state: 'approved', apply: 'execute' });
  expect(await (await world.client.optimizer.recommendation('shop', id)).result()).toMatchObject({ state: 'kept' });
  const history = (await world.store.history({ recommendation: id }, 20)).map(({ state, by, because }) => [state, by, ...because]);
  expect(history).toEqual(
    expect.arrayContaining([
      ['approved', 'alice', 'first'],
      ['applying', 'bob', 'now'],
    ]),
  );
});
