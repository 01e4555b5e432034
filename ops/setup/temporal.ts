/** Last resort of setup.sh: the SDK downloads the Temporal CLI of its choice into the folder given. */
import { existsSync, linkSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';

const folder = resolve(process.argv[2] ?? '.tools');
const server = await TestWorkflowEnvironment.createLocal({ server: { executable: { type: 'cached-download', downloadDir: folder } } });
await server.teardown();
const downloaded = readdirSync(folder).find((name) => name.startsWith('temporal-'));
if (downloaded !== undefined && !existsSync(`${folder}/temporal`)) linkSync(`${folder}/${downloaded}`, `${folder}/temporal`);
