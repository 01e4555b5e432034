/** Which test files start first: a whole fleet's test that begins last would leave the other core idle for most of a minute. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const KINDS = ['.e2e.test.ts', '.temporal.test.ts', '.pg.test.ts'] as const;

/** By what they start, most first; within a kind as vitest has it: as long as they took the last time, else by their size. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}

function placeOf({ moduleId }: TestSpecification): number {
  const place = KINDS.findIndex((kind) => moduleId.endsWith(kind));
  return place < 0 ? KINDS.length : place;
}
