/**
 * Keys of captured values: one for each day (UTC), each in a file of its own that only the worker's user can read. They lie on the cluster's host, what
 * they encrypt in the control database: neither alone says anything. A day's file is deleted once its values are too old, so what lies encrypted in
 * a backup of the control database can be read by nobody from then on.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { passableFolder } from '../../os-user.ts';

export interface ValueKey {
  /** The day, as `2026-11-21`. */
  readonly id: string;
  /** 32 bytes. */
  readonly bytes: Buffer;
}

export interface ValueKeys {
  /** Of the day of this moment; made where it is missing. Two workers that make it at once get the same one. */
  keyAt(moment: Date): Promise<ValueKey>;
  /** null: it was deleted, and what it encrypted is lost. */
  find(id: string): Promise<ValueKey | null>;
  /** Deletes the keys of days that ended before this moment. */
  dropBefore(moment: Date): Promise<void>;
}

const KEY_BYTES = 32;
const NAME = /^captured-values-(\d{4}-\d\d-\d\d)\.key$/;

/** `folder`: on the cluster's host, the one its clones lie in. Made where it is missing. */
export function valueKeys(folder: string): ValueKeys {
  const fileOf = (id: string) => join(folder, `captured-values-${id}.key`);
  const find = async (id: string): Promise<ValueKey | null> => {
    const bytes = await readFile(fileOf(id)).catch(absent);
    return bytes?.length === KEY_BYTES ? { id, bytes } : null;
  };
  const make = async (id: string): Promise<void> => {
    passableFolder(folder);
    // whole or not at all, and the first one wins: a link is never made over a file that is there
    const unfinished = join(folder, `.unfinished-${randomUUID()}`);
    try {
      await writeFile(unfinished, randomBytes(KEY_BYTES), { mode: 0o600, flag: 'wx', flush: true });
      await link(unfinished, fileOf(id)).catch(present);
    } finally {
      await rm(unfinished, { force: true });
    }
  };
  return {
    find,
    keyAt: async (moment) => {
      const id = dayOf(moment);
      const there = await find(id);
      if (there !== null) return there;
      await make(id);
      const made = await find(id);
      if (made === null) throw new TypeError(`${fileOf(id)} holds no key`);
      return made;
    },
    dropBefore: async (moment) => {
      const names = (await readdir(folder).catch(absent)) ?? [];
      for (const name of names) {
        const [, day] = NAME.exec(name) ?? [];
        if (day !== undefined && day < dayOf(moment)) await rm(join(folder, name), { force: true });
      }
    },
  };
}

const dayOf = (moment: Date): string => moment.toISOString().slice(0, 10);

function absent(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  return null;
}

function present(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
}
