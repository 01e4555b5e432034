/** A real Prometheus that scrapes real workers with the committed rules, and the question whether the dashboard is alive. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { rows } from '../../ops/grafana/dashboard.ts';
import { startDaemon } from '../../workers/embedded/daemon.ts';
import { freePort } from '../../workers/embedded/ports.ts';

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

export interface FiringAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

export interface TestPrometheus {
  readonly url: string;
  query(expr: string): Promise<readonly Sample[]>;
  alerts(): Promise<readonly FiringAlert[]>;
  /** Ends it and removes its folder. Idempotent. */
  stop(): Promise<void>;
}

/** `targets`: host:port of each worker's /metrics, job `assay`, each second. The rules are the committed ones, but minutes of `for` are seconds here. */
export async function startPrometheus(targets: readonly string[]): Promise<TestPrometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'assay-prometheus-'));
  const port = await freePort();
  writeFileSync(join(folder, 'rules.yml'), hurriedRules());
  const scrape = { job_name: 'assay', static_configs: [{ targets }] };
  const config = { global: { scrape_interval: '1s', evaluation_interval: '1s' }, rule_files: ['rules.yml'], scrape_configs: [scrape] };
  writeFileSync(join(folder, 'prometheus.yml'), stringify(config));
  const url = `http://127.0.0.1:${port}`;
  const daemon = await startDaemon({
    argv: [
      execFileSync('which', ['prometheus'], { encoding: 'utf8' }).trim() as string,
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    logFile: join(folder, 'prometheus.log'),
    ready: async () => (await fetch(`${url}/-/ready`)).ok,
  });
  return {
    url,
    query: (expr) => query(url, expr),
    alerts: async () => ((await api(url, 'alerts')) as { alerts: FiringAlert[] }).alerts,
    stop: async () => {
      await daemon.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Asks every panel's query of the dashboard, as Grafana would with all clusters chosen and one hour shown. Returns a line for each that answers
 * without a series: Prometheus calls that a success. Waits up to `withinMs` (default 20 s), because rates need two scrapes.
 */
export async function everyPanelReturnsASeries(prometheusUrl: string, withinMs = 20_000): Promise<readonly string[]> {
  const until = Date.now() + withinMs;
  let silent = rows.flatMap(({ panels }) => panels.flatMap((panel) => panel.queries.map(({ expr }) => ({ title: panel.title, expr }))));
  for (;;) {
    const answers = await Promise.all(silent.map(async (each) => ((await query(prometheusUrl, filledIn(each.expr))).length === 0 ? [each] : [])));
    silent = answers.flat();
    if (silent.length === 0 || Date.now() > until) return silent.map(({ title, expr }) => `${title}: ${expr}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

const filledIn = (expr: string) => expr.replaceAll('$cluster', '.+').replaceAll('$__range', '1h').replaceAll('$__rate_interval', '1m');

const query = async (url: string, expr: string) => ((await api(url, `query?query=${encodeURIComponent(expr)}`)) as { result: readonly Sample[] }).result;

async function api(url: string, path: string): Promise<unknown> {
  const body = (await (await fetch(`${url}/api/v1/${path}`)).json()) as { status: string; data: unknown; error?: string };
  if (body.status !== 'success') throw new Error(`${path}: ${body.error}`);
  return body.data;
}

function hurriedRules(): string {
  const { groups } = parse(readFileSync(new URL('../../ops/prometheus/alerts.yml', import.meta.url), 'utf8')) as {
    groups: { name: string; interval: string; rules: { for: string }[] }[];
  };
  const hurried = groups.map((group) => ({ ...group, interval: '1s', rules: group.rules.map((rule) => ({ ...rule, for: rule.for.replace(/m$/, 's') })) }));
  return stringify({ groups: hurried }, { lineWidth: 0 });
}
