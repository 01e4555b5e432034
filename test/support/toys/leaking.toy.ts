import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';

test('passes, but leaves a file', () => {
  writeFileSync(join(tmpdir(), 'left'), '');
});
