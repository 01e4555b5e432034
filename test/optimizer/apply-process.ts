/** One applyChange in a process of its own, for tests that kill it: prints `done` where it comes to its end. Argument: what it needs, as JSON. */
import { openControl } from '../../activities/control/control-database.ts';
import { applyStepsOn, type ProcessInput } from './apply-support.ts';

const { controlUrl, asked, place } = JSON.parse(process.argv[2] ?? '') as ProcessInput;
const control = await openControl(controlUrl);
await applyStepsOn(control).applyChange({ ...asked, place });
await control.close();
process.stdout.write('done\n');
