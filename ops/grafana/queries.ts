/** The few shapes of query that panels are made of. */

/** Only the clusters that are chosen on top of the dashboard. */
const CHOSEN = 'cluster=~"$cluster"';

/** A metric of the chosen clusters; `more`: further matchers. */
export const of = (name: string, ...more: string[]) => `${name}{${[CHOSEN, ...more].join(', ')}}`;

/** How much a counter grew in the time shown. */
export const grown = (by: string, name: string, ...more: string[]) => `sum by (${by}) (increase(${of(name, ...more)}[$__range]))`;

/** Quantile of a histogram in the time shown; `selector` where the metric has no cluster. */
export const quantileOf = (quantile: number, by: string, name: string, selector = `{${CHOSEN}}`) =>
  `histogram_quantile(${quantile}, sum by (le, ${by}) (rate(${name}_bucket${selector}[$__range])))`;

/** Legend of series by cluster and repository. */
export const ofRepository = '{{cluster}} repository {{repository}}';
