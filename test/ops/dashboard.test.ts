import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { createDashboard, dashboardJson, rows } from '../../ops/grafana/dashboard.ts';
import { metricCatalogue } from '../../ops/metrics-catalogue.ts';

const queries = rows.flatMap(({ panels }) => panels.flatMap((panel) => panel.queries.map(({ expr }) => ({ panel: panel.title, expr }))));

test('the committed JSON is what the code makes', async () => {
  await expect(dashboardJson()).toMatchFileSnapshot('../../ops/grafana/assay-backup.json');
});

test('every metric of the catalogue is on the dashboard, and every name on it is in the catalogue', () => {
  const shown = new Set(queries.flatMap(({ expr }) => expr.match(/assay_[a-z_]+/g) ?? []).map((name) => name.replace(/_bucket$/, '')));
  expect([...shown].toSorted()).toEqual(
    Object.values(metricCatalogue)
      .map(({ name }) => name)
      .toSorted(),
  );
});

test('a label that a query groups by belongs to its metric', () => {
  const wrong = queries.flatMap(({ panel, expr }) => {
    const used = Object.values(metricCatalogue).filter(({ name }) => new RegExp(`${name}(_bucket)?\\b`).test(expr));
    const known = new Set<string>(used.flatMap(({ labels }) => [...labels]));
    const grouped = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, labels]) => (labels ?? '').split(/,\s*/));
    return used.length === 0 ? [] : grouped.filter((label) => !known.has(label) && !['le', 'instance'].includes(label)).map((label) => `${panel}: ${label}`);
  });
  expect(wrong).toEqual([]);
});

test('titles are unique, each panel says how to read it, ids and places do not collide', () => {
  const panels = rows.flatMap((row) => row.panels);
  expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
  expect(panels.filter(({ help }) => !/^.{10,}\.$/.test(help))).toEqual([]);
  const places = (createDashboard().panels ?? []).map(({ gridPos }) => `${gridPos?.x}/${gridPos?.y}`);
  expect(new Set(places).size).toBe(places.length);
});

test('the data source that panels ask is the one that is provisioned', () => {
  const { datasources } = parse(readFileSync('ops/grafana/provisioning/datasources/prometheus.yml', 'utf8'));
  const asked = new Set([...dashboardJson().matchAll(/"uid": "(assay-prometheus)"/g)].map(([, uid]) => uid));
  expect([...asked]).toEqual([datasources[0].uid]);
});
