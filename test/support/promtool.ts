/** Prometheus' own checker: rules are tested as Prometheus evaluates them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'yaml';

/** What is there, a value a minute in promtool's notation (`0+1x10`, `_x5 3x5`), and when to look. Time 0 is the epoch. */
export interface Scenario {
  readonly series: Readonly<Record<string, string>>;
  /** Minutes. */
  readonly at: number;
}

export interface RuleTest {
  readonly alert: string;
  readonly name: string;
  readonly scenario: Scenario;
  /** How many instances of the alert must be firing; 0: it stays silent. */
  readonly firing: number;
}

/** Output of promtool; throws with it where it is not content. */
export function promtool(...args: string[]): string {
  try {
    // its storage goes beside the file it checks: where rules do not parse it leaves that behind
    const env = { ...process.env, TMPDIR: dirname(args.at(-1) ?? '.') };
    return execFileSync('promtool', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`promtool ${args.join(' ')}:\n${stdout}${stderr}`);
  }
}

/**
 * Runs them all in one go. Throws with promtool's words where one gives another result. Only the rules of the alerts they are about are
 * evaluated, minute for minute: the others would be too, for nothing.
 */
export function testRules(rulesText: string, tests: readonly RuleTest[]): void {
  const folder = mkdtempSync(join(tmpdir(), 'assay-rules-'));
  try {
    writeFileSync(join(folder, 'rules.yml'), rulesOf(rulesText, new Set(tests.map(({ alert }) => alert))));
    writeFileSync(join(folder, 'test.yml'), stringify({ rule_files: ['rules.yml'], evaluation_interval: '1m', tests: tests.map(groupOf) }));
    promtool('test', 'rules', join(folder, 'test.yml'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string }[] }[];
}

function rulesOf(rulesText: string, alerts: ReadonlySet<string>): string {
  const { groups } = parse(rulesText) as Rules;
  const wanted = groups.map((group) => ({ ...group, rules: group.rules.filter(({ alert }) => alerts.has(alert)) }));
  return stringify({ groups: wanted.filter(({ rules }) => rules.length > 0) }, { lineWidth: 0 });
}

function groupOf({ alert, name, scenario, firing }: RuleTest) {
  return {
    name: `${alert}: ${name}`,
    interval: '1m',
    input_series: Object.entries(scenario.series).map(([series, values]) => ({ series, values })),
    // the annotations are not compared here: counting ALERTS leaves their wording free
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${alert}", alertstate="firing"})`,
        eval_time: `${scenario.at}m`,
        exp_samples: firing === 0 ? [] : [{ labels: '{}', value: firing }],
      },
    ],
  };
}
