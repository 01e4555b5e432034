import { existsSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';

test('fails once', () => {
  const mark = process.env.ASSAY_TOY_MARK ?? '';
  const isSecond = existsSync(mark);
  writeFileSync(mark, '');
  expect(isSecond).toBe(true);
});
