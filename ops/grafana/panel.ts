/** What the dashboard shows, as data: a row is a question, a panel its answer. */
/** PromQL, and the legend of its series. */
export interface Query {
  readonly expr: string;
  readonly legend: string;
}

export interface PanelDefinition {
  readonly title: string;
  /** One sentence: how to read it. */
  readonly help: string;
  /** Grafana's id of the unit. */
  readonly unit: 's' | 'bytes' | 'short' | 'percentunit' | 'ops';
  readonly kind: 'stat' | 'time' | 'stacked';
  /** Turns red from this value on. */
  readonly redFrom?: number;
  readonly queries: readonly Query[];
}

export interface RowDefinition {
  readonly title: string;
  readonly panels: readonly PanelDefinition[];
}
