/** The catalogue as live prom-client metrics. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type MetricKey, metricCatalogue } from './metrics-catalogue.ts';

type Catalogue = typeof metricCatalogue;
type Label<K extends MetricKey> = Catalogue[K]['labels'][number];
type Family<K extends MetricKey> = Catalogue[K]['kind'] extends 'gauge'
  ? Gauge<Label<K>>
  : Catalogue[K]['kind'] extends 'counter'
    ? Counter<Label<K>>
    : Histogram<Label<K>>;

/** One typed prom-client metric for each entry: a label that the catalogue does not name fails to compile. */
export type Families = { readonly [K in MetricKey]: Family<K> };

/** Registers every metric of the catalogue. Throws where the registry holds one of them already. */
export function createFamilies(registry: Registry): Families {
  const made = Object.entries(metricCatalogue).map(([key, definition]) => {
    const common = { name: definition.name, help: definition.help, labelNames: [...definition.labels], registers: [registry] };
    if (definition.kind === 'gauge') return [key, new Gauge(common)];
    if (definition.kind === 'counter') return [key, new Counter(common)];
    return [key, new Histogram({ ...common, buckets: [...definition.buckets] })];
  });
  return Object.fromEntries(made) as Families; // the kind of each entry decided its class just above
}

/** Ends every series of this cluster: one that left the policy must not stay stale in the alerts. */
export function removeCluster(families: Families, cluster: string): void {
  for (const family of Object.values(families)) void removeSeries(family as Gauge, cluster);
}

// get() answers in a later microtask, long before the next tick watches a cluster again;
// a cast, because the union of the three classes has no common call signature; all three have get and remove
async function removeSeries(family: Gauge, cluster: string): Promise<void> {
  const { values } = await family.get();
  for (const { labels } of values.filter((value) => value.labels.cluster === cluster)) {
    const { le: _le, ...own } = labels as Record<string, string | number>;
    family.remove(own);
  }
}
