/** Can the engine's OS user use the folders that its configuration names? A question to a repository never needs the lock: only the backup would fail. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type OsUser, ownerOf, shownUser } from '../../../os-user.ts';
import { run } from '../../../process.ts';
import type { ShutFolder } from '../engine.ts';
import type { Engine } from './command.ts';

interface Needed {
  readonly option: string;
  readonly path: string;
  readonly as: OsUser;
  readonly needs: 'r' | 'w';
}

/** Defaults are the engine's own (its manual, "Configuration Reference"). */
const DEFAULTS = { 'lock-path': '/tmp/pgbackrest', 'spool-path': '/var/spool/pgbackrest', 'repo-path': '/var/lib/pgbackrest' } as const;

/** `log-path` is not among them: without it the engine warns and goes on. */
export async function shutFolders(engine: Engine): Promise<readonly ShutFolder[]> {
  const found = await Promise.all([...locks(engine), ...spool(engine), ...repositories(engine), ...data(engine)].map(shut));
  return found.flatMap((each) => each ?? []);
}

/** The folder, and the lock itself: one that another user's run left behind cannot be taken. */
function locks({ config, user, policy }: Engine): readonly Needed[] {
  const folder = config.option('lock-path', 'backup') ?? DEFAULTS['lock-path'];
  const file = join(folder, `${policy.engine.stanza}-backup.lock`);
  return [folder, ...(existsSync(file) ? [file] : [])].map((path) => ({ option: 'lock-path', path, as: user, needs: 'w' }));
}

/** Only asynchronous archiving has one, and the server's own user works in it: only root, or that user, can tell. */
function spool({ config }: Engine): readonly Needed[] {
  const { dataDirectory } = config;
  if (config.option('archive-async', 'archive-push') !== 'y' || dataDirectory === null || !existsSync(dataDirectory)) return [];
  const owner = ownerOf(dataDirectory);
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0 && uid !== owner.uid) return [];
  return [{ option: 'spool-path', path: config.option('spool-path', 'archive-push') ?? DEFAULTS['spool-path'], as: owner, needs: 'w' }];
}

/** What may be read may still be another's: a member of the group sees every backup and can make none. */
function repositories({ config, user, policy }: Engine): readonly Needed[] {
  return config.repositories.flatMap((id): Needed[] => {
    const of = (name: string) => config.option(`repo${id}-${name}`, 'backup');
    if (!['posix', 'cifs'].includes(of('type') ?? 'posix') || of('host') !== null) return [];
    const path = of('path') ?? DEFAULTS['repo-path'];
    return ['backup', 'archive'].map((part) => ({ option: `repo${id}-path`, path: join(path, part, policy.engine.stanza), as: user, needs: 'w' }));
  });
}

function data({ config, user }: Engine): readonly Needed[] {
  return config.dataDirectory === null ? [] : [{ option: 'pg1-path', path: config.dataDirectory, as: user, needs: 'r' }];
}

/** A folder that is not there yet is made below the nearest that is. */
async function shut({ option, path, as, needs }: Needed): Promise<ShutFolder | null> {
  const there = needs === 'r' ? path : nearestExisting(path);
  const enter = path.endsWith('.lock') ? [] : ['-a', '-x', there];
  const { status } = await run({ argv: ['test', `-${needs}`, there, ...enter], as, deadlineMs: 10_000, accept: [0, 1] });
  return status === 0 ? null : { option, path: there, user: shownUser(as) };
}

const nearestExisting = (path: string): string => (existsSync(path) || path === '/' ? path : nearestExisting(dirname(path)));
