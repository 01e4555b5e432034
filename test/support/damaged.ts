/** Copies of a repository that something was done to; the original is only read. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { EmbeddedFleet } from '../../workers/embedded/embedded-fleet.ts';

export interface RepositoryCopy {
  readonly path: string;
  readonly policy: ClusterPolicy;
}

/** A whole copy, and a policy whose engine configuration points at it. */
export function copyRepository(fleet: EmbeddedFleet, edit: (configuration: string) => string = (text) => text): RepositoryCopy {
  const { cluster } = fleet;
  const folder = mkdtempSync(join(cluster.directory, 'copy-'));
  const path = join(folder, 'repo');
  execFileSync('cp', ['-a', cluster.repositoryPath, path]);
  const config = join(folder, 'pgbackrest.conf');
  writeFileSync(config, edit(readFileSync(cluster.configFile, 'utf8').replaceAll(cluster.repositoryPath, path)), { mode: 0o600 });
  execFileSync('chown', ['--reference', cluster.configFile, folder, config]);
  return { path, policy: { ...fleet.policy(), engine: { ...fleet.policy().engine, config } } };
}

/** Flips one bit in the middle of a file. */
export function flipBit(file: string): void {
  const bytes = readFileSync(file);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 0b100;
  writeFileSync(file, bytes);
}

export function truncateHalf(file: string): void {
  writeFileSync(file, readFileSync(file).subarray(0, Math.floor(statSync(file).size / 2)));
}

/** Files below a folder whose path matches, largest first. */
export function filesBelow(folder: string, matching: RegExp): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => matching.test(file))
    .sort((a, b) => statSync(b).size - statSync(a).size);
}
