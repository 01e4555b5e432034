/** A real Prometheus scrapes a real fleet: no panel is empty, and nothing alerts while all is well. */
import { expect, test } from 'vitest';
import { counting, makeShop, makeTraffic, startRun } from '../optimizer/optimizer-support.ts';
import { fillTable, startBackup, useFleet } from '../support/fleet.ts';
import { everyPanelReturnsASeries, startPrometheus } from '../support/prometheus.ts';

const fleet = useFleet(counting);

test('after one proven backup and one recommendation every panel of the dashboard shows a series', async () => {
  await fillTable(fleet.get(), 1_000);
  await makeShop(fleet.get(), 40_000);
  await makeTraffic(fleet.get());
  expect((await (await startBackup(fleet.get())).result()).proof?.verdict).toBe('proven');
  expect((await (await startRun(fleet.get())).result()).recommendation).not.toBeNull();
  const prometheus = await startPrometheus([new URL(fleet.get().worker?.metricsUrl ?? '').host]);
  try {
    expect(await everyPanelReturnsASeries(prometheus.url, 40_000)).toEqual([]);
    const [proven] = await prometheus.query('assay_backup_last_proven_timestamp_seconds{cluster="shop"}');
    expect(Date.now() / 1000 - Number(proven?.value[1])).toBeLessThan(300);
    expect((await prometheus.alerts()).filter((alert) => alert.state === 'firing')).toEqual([]);
  } finally {
    await prometheus.stop();
  }
}, 180_000);
