/** The optimizer's steps as workflows call them: on the cluster's own host, where its lab is. */
import { proxyActivities } from '@temporalio/workflow';
import type { OptimizerSteps } from '../../activities/optimizer/steps.ts';
import { hostQueue } from '../../domain/ids.ts';
import { always, changing, onLab, quick, steadfast } from '../options.ts';

export function optimizerSteps(host: string): OptimizerSteps {
  const taskQueue = hostQueue(host);
  const quickly = proxyActivities<OptimizerSteps>({ ...quick, taskQueue });
  const patiently = proxyActivities<OptimizerSteps>({ ...onLab, taskQueue });
  const steadily = proxyActivities<OptimizerSteps>({ ...steadfast, taskQueue });
  const surely = proxyActivities<OptimizerSteps>({ ...always, taskQueue });
  return {
    noteWorkload: quickly.noteWorkload,
    observeWorkload: quickly.observeWorkload,
    searchSets: patiently.searchSets,
    chooseSet: patiently.chooseSet,
    measureFinalist: patiently.measureFinalist,
    measureFinalists: patiently.measureFinalists,
    settleFinalist: patiently.settleFinalist,
    lookAtIndexes: patiently.lookAtIndexes,
    proveHygiene: patiently.proveHygiene,
    proveRewrites: patiently.proveRewrites,
    proveStatistics: patiently.proveStatistics,
    proveSettings: patiently.proveSettings,
    proposedBy: quickly.proposedBy,
    concludeRun: quickly.concludeRun,
    openRecommendation: quickly.openRecommendation,
    approveAlone: quickly.approveAlone,
    enterState: surely.enterState,
    checkEvidence: quickly.checkEvidence,
    prepareApply: quickly.prepareApply,
    applyChange: proxyActivities<OptimizerSteps>({ ...changing, taskQueue }).applyChange,
    undoChange: steadily.undoChange,
    lookAtStatements: quickly.lookAtStatements,
    guardWindow: steadily.guardWindow,
  };
}
