/** What a repository holds, to show that nobody but its own cluster wrote there. */
import { execFileSync } from 'node:child_process';

/** Every file and folder below it with size, time of change and content, in order: equal texts mean byte for byte the same. */
export function inventory(folder: string): readonly string[] {
  const names = execFileSync('find', [folder, '-printf', '%p %y %s %T@ %m %u\\n'], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return [...names.trim().split('\n'), ...filesIn(folder).map(([path, sum]) => `${path} ${sum}`)].sort();
}

/** Each file with the checksum of its content. */
export function filesIn(folder: string): readonly (readonly [path: string, sum: string])[] {
  const sums = execFileSync('sh', ['-c', 'find "$0" -type f -print0 | xargs -0 -r sha256sum', folder], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return sums
    .trim()
    .split('\n')
    .map((line) => [line.slice(66), line.slice(0, 64)] as const);
}
