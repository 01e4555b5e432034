/** PostgreSQL refuses to run as root: where the worker is root, child processes take another user. */
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { AssayError } from '../domain/errors.ts';

export interface OsUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** The worker is root and really changes to this user. */
  readonly switched: boolean;
}

const id = (flag: string, user: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8', env: { PATH: process.env.PATH } }).trim());

/** The user that child processes run as. `name` counts only where the worker is root; default `postgres`. Throws usage where there is no such user. */
export function osUser(name: string | null = null): OsUser {
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0) return { name: process.env.USER ?? String(uid), uid, gid: process.getgid?.() ?? 0, switched: false };
  const wanted = name ?? 'postgres';
  try {
    return { name: wanted, uid: id('-u', wanted), gid: id('-g', wanted), switched: true };
  } catch (cause) {
    throw new AssayError('usage', { reason: `no OS user ${wanted} on this host`, hint: 'create it, or name another in clone.os_user' }, { cause });
  }
}

/** Who owns a file or folder, as a user to run as. */
export function ownerOf(path: string): OsUser {
  const { uid, gid } = statSync(path);
  return { name: String(uid), uid, gid, switched: (process.getuid?.() ?? 0) === 0 && uid !== 0 };
}

/** As people know it; its number where it has no name here. */
export function shownUser({ name, uid }: OsUser): string {
  try {
    return name === String(uid) ? execFileSync('id', ['-un', name], { encoding: 'utf8', stdio: 'pipe', env: { PATH: process.env.PATH } }).trim() : name;
  } catch {
    return name;
  }
}

/** Makes a folder with its parents. Others may pass through, since below it lie folders of several users, but not look in. Idempotent. */
export function passableFolder(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o711 });
  return path;
}

/** Makes a folder 0700 that belongs to this user. Idempotent. */
export function privateFolder(path: string, owner: OsUser): string {
  passableFolder(dirname(path));
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (owner.switched) chownSync(path, owner.uid, owner.gid);
  return path;
}
