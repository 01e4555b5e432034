/** What an alert is made of. */
export interface Alert {
  /** PromQL; what it returns is firing. */
  readonly expr: string;
  /** How long it must hold, as Prometheus writes it. */
  readonly for: string;
  /** `page`: somebody must look now. `ticket`: within the working day. */
  readonly severity: 'page' | 'ticket';
  /** One line; `{{ $labels.… }}` is filled in. */
  readonly summary: string;
  readonly description: string;
}
