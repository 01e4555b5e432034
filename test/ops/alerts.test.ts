import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { metricCatalogue as m } from '../../ops/metrics-catalogue.ts';
import { type AlertName, alerts, alertsYaml, runbookOf } from '../../ops/prometheus/alerts.ts';
import { promtool, type RuleTest, type Scenario, testRules } from '../support/promtool.ts';

/** `{{name}}{labels}` of cluster shop, repository 1. */
const shop = (metric: { name: string }, more = '', instance = 'db1') => {
  const repository = (metric as { labels?: readonly string[] }).labels?.includes('repository') ? ', repository="1"' : '';
  return `${metric.name}{instance="${instance}", cluster="shop"${repository}${more && `, ${more}`}}`;
};
const verdict = (name: string, depth = 'plain', instance = 'db1') => shop(m.lastVerdict, `depth="${depth}", verdict="${name}"`, instance);
const objective = (name: string) => shop(m.objective, `objective="${name}"`);
const missedRpo = shop(m.objectivesMissed, 'objective="rpo"');
const failure = shop(m.backupFailures, 'type="full", code="engine-failed"');
const missedFull = shop(m.missedSchedules, 'schedule="full"');
const worker = 'up{job="assay", instance="db1:9464"}';
const server = 'up{job="temporal", instance="temporal:9090"}';

const event = (name: string, instance = 'db1') => shop(m.lastEvent, `event="${name}"`, instance);
const standing = (state: string, instance = 'db1') => shop(m.oldestRecommendation, `state="${state}"`, instance);
const known = (state: string) => shop(m.knownRecommendations, `state="${state}"`);
const allowed = (name: string) => shop(m.optimizerObjective, `objective="${name}"`);
const failedRun = shop(m.lastOptimizerRun, 'outcome="failed"');
const unlimited = '+Inf '.repeat(21).trim();
/** A day before the epoch, at which promtool begins. */
const longAgo = '-86400x20';

type Cases = Readonly<Record<string, Scenario>>;

/** Each alert: when it must fire, when it must not. An alert that is missing here does not compile. */
const cases: Record<AlertName, { readonly fires: Cases; readonly silent: Cases }> = {
  AssayProofFailed: {
    fires: {
      'the first proof ever failed': { series: { [verdict('failed')]: '60x600' }, at: 120 },
      'a failure after a proof': { series: { [verdict('proven')]: '60x600', [verdict('failed')]: '120x600' }, at: 300 },
      'a deep failure that only a plain proof followed': { series: { [verdict('failed', 'deep')]: '60x600', [verdict('proven')]: '9000x600' }, at: 300 },
      'an inconclusive proof does not answer a failure': { series: { [verdict('failed')]: '60x600', [verdict('inconclusive')]: '9000x600' }, at: 300 },
      'another worker told of the failure': { series: { [verdict('proven')]: '60x600', [verdict('failed', 'plain', 'db2')]: '120x600' }, at: 300 },
      'it was answered minutes ago': { series: { [verdict('failed')]: '6000x600', [verdict('proven')]: '6060x600' }, at: 120 },
    },
    silent: {
      'proven only': { series: { [verdict('proven')]: '60x600' }, at: 120 },
      'inconclusive only': { series: { [verdict('inconclusive')]: '60x600' }, at: 120 },
      'it was answered long ago': { series: { [verdict('failed')]: '60x600', [verdict('proven')]: '120x600' }, at: 300 },
      'answered by a proof that another worker told of': { series: { [verdict('failed')]: '60x600', [verdict('proven', 'plain', 'db2')]: '120x600' }, at: 300 },
    },
  },
  AssayArchiveGap: {
    fires: { 'one gap': { series: { [shop(m.archiveGaps)]: '0x5 1x20' }, at: 15 } },
    silent: {
      'no gap': { series: { [shop(m.archiveGaps)]: '0x30' }, at: 15 },
      'segments out of order for a moment': { series: { [shop(m.archiveGaps)]: '0x5 1 0x20' }, at: 7 },
    },
  },
  AssayFleetDown: {
    fires: {
      'the worker is gone': { series: { [worker]: '1x5 0x20', [server]: '1x30' }, at: 15 },
      'the server is gone': { series: { [worker]: '1x30', [server]: '1x5 0x20' }, at: 15 },
      'nothing is scraped at all': { series: { 'up{job="node"}': '1x30' }, at: 15 },
    },
    silent: {
      'all answer': { series: { [worker]: '1x30', [server]: '1x30' }, at: 15 },
      'a restart': { series: { [worker]: '1x5 0 1x20', [server]: '1x30' }, at: 7 },
      "somebody else's job is down": { series: { [worker]: '1x30', 'up{job="node"}': '0x30' }, at: 15 },
    },
  },
  AssayProofStale: {
    fires: {
      'older than the policy allows': { series: { [shop(m.lastProven)]: '60x600', [objective('proof_age')]: '3600x600' }, at: 70 },
    },
    silent: {
      'fresh enough': { series: { [shop(m.lastProven)]: '60x600', [objective('proof_age')]: '3600x600' }, at: 55 },
      'another worker told of a newer one': {
        series: { [shop(m.lastProven)]: '60x600', [shop(m.lastProven, '', 'db2')]: '3000x600', [objective('proof_age')]: '3600x600' },
        at: 90,
      },
      'a policy that allows more': { series: { [shop(m.lastProven)]: '60x600', [objective('proof_age')]: '36000x600' }, at: 70 },
    },
  },
  AssayNeverProven: {
    fires: { 'a day without a proof': { series: { [objective('proof_age')]: '3600x2000' }, at: 1500 } },
    silent: {
      'the first hours': { series: { [objective('proof_age')]: '3600x2000' }, at: 600 },
      'proven once': { series: { [objective('proof_age')]: '3600x2000', [shop(m.lastProven)]: '60x2000' }, at: 1500 },
    },
  },
  AssayInconclusiveTwice: {
    fires: {
      'two in a row': { series: { [shop(m.inconclusiveInRow)]: '1x5 2x20', [verdict('proven')]: '60x30', [verdict('inconclusive')]: '120x30' }, at: 10 },
    },
    silent: {
      once: { series: { [shop(m.inconclusiveInRow)]: '1x30', [verdict('inconclusive')]: '120x30' }, at: 10 },
      'another worker told of a verdict since': {
        series: { [shop(m.inconclusiveInRow)]: '2x30', [verdict('inconclusive')]: '120x30', [verdict('proven', 'plain', 'db2')]: '180x30' },
        at: 10,
      },
    },
  },
  AssayObjectiveMissed: {
    fires: {
      'one more': { series: { [missedRpo]: '0x5 1x600' }, at: 10 },
      'a series that begins with the miss': { series: { [missedRpo]: '_x5 1x600' }, at: 10 },
    },
    silent: {
      'none missed': { series: { [missedRpo]: '0x600' }, at: 10 },
      'missed long ago': { series: { [missedRpo]: '0x5 1x1000' }, at: 600 },
    },
  },
  AssayArchiveLagging: {
    fires: { 'beyond the objective': { series: { [shop(m.archiveLagSeconds)]: '90x30', [objective('rpo')]: '65x30' }, at: 10 } },
    silent: {
      'within it': { series: { [shop(m.archiveLagSeconds)]: '60x30', [objective('rpo')]: '65x30' }, at: 10 },
      'for a moment': { series: { [shop(m.archiveLagSeconds)]: '10x3 90x2 10x30', [objective('rpo')]: '65x30' }, at: 7 },
      'no objective': { series: { [shop(m.archiveLagSeconds)]: '9000x30', [objective('rpo')]: '+Inf '.repeat(31).trim() }, at: 10 },
      'objectives that nobody told': { series: { [shop(m.archiveLagSeconds)]: '9000x30' }, at: 10 },
    },
  },
  AssayArchiveUnmeasured: {
    fires: { 'for a quarter of an hour': { series: { [shop(m.archiveMeasured)]: '60x60' }, at: 20 } },
    silent: { 'each minute': { series: { [shop(m.archiveMeasured)]: '0+60x60' }, at: 20 } },
  },
  AssayWitnessSilent: {
    fires: { 'for more than a quarter of an hour': { series: { [shop(m.lastWitness)]: '60x60' }, at: 25 } },
    silent: {
      'an idle cluster': { series: { [shop(m.lastWitness)]: '0 0 120 120 240 240 360 360 480 480 600 600 720 720 840 840 960 960 1080 1080 1200x20' }, at: 25 },
    },
  },
  AssayBackupFailed: {
    fires: {
      'one more': { series: { [failure]: '0x5 1x200' }, at: 10 },
      'a code that was never seen': { series: { [failure]: '_x5 1x200' }, at: 10 },
      'after a restart of the worker': { series: { [failure]: '4x5 0 1x200' }, at: 10 },
    },
    silent: {
      none: { series: { [failure]: '0x200' }, at: 10 },
      'hours ago': { series: { [failure]: '0x5 1x200' }, at: 120 },
      'a restart alone': { series: { [failure]: '4x70 0x100' }, at: 75 },
    },
  },
  AssayScheduleMissed: {
    fires: {
      'one more': { series: { [missedFull]: '0x5 1x600' }, at: 10 },
      'a series that begins with the miss': { series: { [missedFull]: '_x5 2x600' }, at: 10 },
    },
    silent: {
      none: { series: { [missedFull]: '0x600' }, at: 10 },
      "a worker that starts again where Temporal's count stands": { series: { [missedFull]: '3x400 _x9 3x100' }, at: 450 },
    },
  },
  AssayRegressionFound: {
    fires: {
      'just found': { series: { [event('regressed')]: '_x5 300x20' }, at: 10 },
      'rolled back a minute later': { series: { [event('regressed')]: '300x20', [event('rolled-back')]: '_x6 360x20' }, at: 10 },
      'hours later, and it is still there': { series: { [event('regressed')]: longAgo, [known('applied')]: '1x20' }, at: 10 },
      'an earlier one was rolled back, this one was not': {
        series: { [event('regressed')]: '-7200x20', [event('rolled-back')]: longAgo, [known('applied')]: '1x20' },
        at: 10,
      },
    },
    silent: {
      'a change that is watched': { series: { [event('applied')]: '60x20', [known('applied')]: '1x20' }, at: 10 },
      'rolled back hours ago, another one is applied since': {
        series: { [event('regressed')]: longAgo, [event('rolled-back', 'db2')]: '-7200x20', [known('applied')]: '1x20' },
        at: 10,
      },
      'nothing of it is applied any more': { series: { [event('regressed')]: longAgo, [known('applied')]: '0x20' }, at: 10 },
    },
  },
  AssayChangeRolledBack: {
    fires: { 'within the hours after it': { series: { [event('rolled-back')]: '-20000x20' }, at: 10 } },
    silent: {
      'days ago': { series: { [event('rolled-back')]: longAgo }, at: 10 },
      'it was kept': { series: { [event('kept')]: '60x20' }, at: 10 },
    },
  },
  AssayChangeFailed: {
    fires: { 'within the hours after it': { series: { [event('failed')]: '-20000x20' }, at: 10 } },
    silent: {
      'days ago': { series: { [event('failed')]: longAgo }, at: 10 },
      'it was refused by a person': { series: { [event('refused')]: '60x20' }, at: 10 },
    },
  },
  AssayChangeUndecided: {
    fires: {
      'applied for too long': { series: { [standing('applied')]: longAgo, [allowed('guard')]: '28800x20' }, at: 10 },
      'a build that does not end': { series: { [standing('applying')]: longAgo, [allowed('guard')]: '28800x20' }, at: 10 },
    },
    silent: {
      'within its windows': { series: { [standing('applied')]: '-28000x20', [allowed('guard')]: '28800x20' }, at: 10 },
      'nobody decided on a proposal': { series: { [standing('proposed')]: longAgo, [allowed('guard')]: '28800x20' }, at: 10 },
      'longer windows': { series: { [standing('applied')]: longAgo, [allowed('guard')]: '288000x20' }, at: 10 },
      'it was decided': { series: { [standing('applied')]: '-86400x3 _x17', [allowed('guard')]: '28800x20' }, at: 10 },
    },
  },
  AssayWorkloadStale: {
    fires: {
      'two pauses without a look': { series: { [shop(m.workloadCollected)]: longAgo, [allowed('workload_age')]: '7200x20' }, at: 10 },
      'the first run failed, nothing was ever read': { series: { [failedRun]: '60x20', [allowed('workload_age')]: '7200x20' }, at: 10 },
    },
    silent: {
      'one pause': { series: { [shop(m.workloadCollected)]: '-6000x20', [allowed('workload_age')]: '7200x20' }, at: 10 },
      'no schedule': { series: { [shop(m.workloadCollected)]: longAgo, [failedRun]: '60x20', [allowed('workload_age')]: unlimited }, at: 10 },
      'no schedule, and a run by hand failed': { series: { [failedRun]: '60x20', [allowed('workload_age')]: unlimited }, at: 10 },
      'a run failed after it had read the workload': {
        series: { [shop(m.workloadCollected)]: '60x20', [failedRun]: '90x20', [allowed('workload_age')]: '7200x20' },
        at: 10,
      },
      'a schedule that has not run yet': { series: { [allowed('workload_age')]: '7200x20' }, at: 10 },
      'another worker told of a newer look': {
        series: { [shop(m.workloadCollected)]: longAgo, [shop(m.workloadCollected, '', 'db2')]: '60x20', [allowed('workload_age')]: '7200x20' },
        at: 10,
      },
    },
  },
};

const of = (kind: 'fires' | 'silent', alert: string): RuleTest[] =>
  Object.entries(cases[alert as AlertName][kind]).map(([name, scenario]) => ({ alert, name, scenario, firing: kind === 'fires' ? 1 : 0 }));
const names = Object.keys(alerts) as AlertName[];

test('the committed rules are what the code makes, and promtool accepts them', async () => {
  await expect(alertsYaml()).toMatchFileSnapshot('../../ops/prometheus/alerts.yml');
  expect(promtool('check', 'rules', 'ops/prometheus/alerts.yml')).toContain(`${names.length} rules found`);
});

test.each(names)('%s fires', (alert) => testRules(alertsYaml(), of('fires', alert)));

test.each(names)('%s stays silent', (alert) => testRules(alertsYaml(), of('silent', alert)));

test('the proof of the proof: a scenario that should fire and does not is found, and the other way round', () => {
  const [fires, silent] = [of('fires', 'AssayArchiveGap'), of('silent', 'AssayArchiveGap')];
  expect(() =>
    testRules(
      alertsYaml(),
      fires.map((each) => ({ ...each, firing: 0 })),
    ),
  ).toThrow(/FAILED/);
  expect(() =>
    testRules(
      alertsYaml(),
      silent.map((each) => ({ ...each, firing: 1 })),
    ),
  ).toThrow(/FAILED/);
});

test('what pages is what the issue says, nothing more', () => {
  expect(names.filter((name) => alerts[name].severity === 'page')).toEqual(['AssayProofFailed', 'AssayArchiveGap', 'AssayFleetDown', 'AssayRegressionFound']);
});

test('each alert has its runbook with what it means, a first look, what to do; no runbook is left over', () => {
  expect(readdirSync('docs/runbooks').toSorted()).toEqual(names.map((name) => `${name}.md`).toSorted());
  for (const name of names) {
    expect(existsSync(runbookOf(name))).toBe(true);
    const text = readFileSync(runbookOf(name), 'utf8');
    expect(text, name).toMatch(new RegExp(`^# ${name}\n`));
    for (const part of ['## What it means', '## First look', '## What to do']) expect(text, name).toContain(part);
    expect(text, name).toMatch(/assay (backup|optimizer) [a-z-]+|assay doctor/);
  }
});
