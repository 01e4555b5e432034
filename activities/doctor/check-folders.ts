/** Folders that the engine's configuration names: reading the repository needs none of them, so only the backup itself would fail. */
import type { ClusterPolicy } from '../../domain/policy.ts';
import { type Finding, fault, ok } from './line.ts';
import type { DoctorDependencies } from './ports.ts';

/** Lock, spool and repository can be written, the data directory read, by the user the engine runs as. */
export async function checkEngineFolders({ engine }: Pick<DoctorDependencies, 'engine'>, policy: ClusterPolicy): Promise<readonly Finding[]> {
  const name = 'engine-folders';
  const shut = await engine.shutFolders(policy);
  if (shut.length === 0) return [ok(name, 'lock, repository and data directory can be used by the OS user of the engine')];
  return shut.map(({ option, path, user }) =>
    fault(name, `OS user ${user} cannot ${doing(option)} ${path} (${option}): a backup would fail`, way(option, policy)),
  );
}

const doing = (option: string) => (option === 'pg1-path' ? 'read' : 'write to');

/** One stanza has one lock: a lock-path of our own would let a foreign job's backup and ours run at once. */
function way(option: string, { engine, clone }: ClusterPolicy): string {
  const workerAs = `run the worker as the OS user that owns it${clone.osUser === null ? '' : ' (clone.os_user names another)'}`;
  if (option === 'lock-path') return `${workerAs}, or name in ${engine.config} a lock-path that every OS user who runs the engine for this stanza can write to`;
  if (option === 'spool-path') return `let the OS user of the server write there, or name another spool-path in ${engine.config}`;
  return workerAs;
}
