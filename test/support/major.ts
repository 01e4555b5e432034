/** Which PostgreSQL the tests run on: each host brings its own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of the data directory: 15, 16, 17, … */
export const serverMajor = ({ dataDirectory }: { readonly dataDirectory: string }): number => Number(readFileSync(join(dataDirectory, 'PG_VERSION'), 'utf8'));
