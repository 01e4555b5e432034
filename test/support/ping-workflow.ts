/** The smallest workflow with a step: makes the SDK count something. */
import { proxyActivities } from '@temporalio/workflow';

const { ping } = proxyActivities<{ ping(): Promise<string> }>({ startToCloseTimeout: '10s' });

export const pingWorkflow = (): Promise<string> => ping();
