/** A clone on its source's host must not reach the source's files: every link in its data directory has to stay inside its own folder. */
import { existsSync, lstatSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Links (pg_wal, tablespaces, configuration) that lead outside of `root`, as `link -> aim`. */
export function linksOutside(root: string, dataDirectory: string): string[] {
  const home = realpathSync(root);
  return [dataDirectory, join(dataDirectory, 'pg_tblspc')].flatMap((folder) =>
    readdirSync(folder)
      .map((name) => join(folder, name))
      .filter((path) => lstatSync(path).isSymbolicLink())
      .map((path) => ({ path, aim: resolve(folder, readlinkSync(path)) }))
      .filter(({ aim }) => {
        const real = existsSync(aim) ? realpathSync(aim) : aim;
        return real !== home && !real.startsWith(`${home}/`);
      })
      .map(({ path, aim }) => `${path} -> ${aim}`),
  );
}
