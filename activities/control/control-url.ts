/** Reads `ASSAY_CONTROL_URL`: the forms of libpq, Unix sockets included. */
import { AssayError } from '../../domain/errors.ts';
import { readNamedFile } from '../named-file.ts';

/** A user or a port without a host before it: libpq's way with a socket (`postgresql://user@/database?host=/run`), no URL by the standard. */
const NO_HOST = /^(\w+:\/\/(?:[^/?#]*@)?)(:\d+)?(?=\/)/;

export interface ControlAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly dbName: string;
  readonly ssl: { readonly rejectUnauthorized: boolean; readonly ca?: string } | undefined;
}

/**
 * `postgres://user:password@host:port/database`; query parameters `host` (a socket folder starts with /), `port`, `user`, `password`,
 * `sslmode` (disable, require, verify-full) and `sslrootcert` win over what stands before them. Throws usage; never repeats the URL.
 */
export function parseControlUrl(url: string): ControlAddress {
  const whole = url.trim().replace(NO_HOST, '$1localhost$2');
  if (!URL.canParse(whole)) throw bad('it is no URL');
  const { protocol, hostname, port, username, password, pathname, searchParams } = new URL(whole);
  if (protocol !== 'postgres:' && protocol !== 'postgresql:') throw bad(`it starts with ${protocol}//`);
  const dbName = decodeURIComponent(pathname.slice(1));
  if (dbName === '') throw bad('it names no database');
  const given = (name: string, before: string) => searchParams.get(name) ?? decodeURIComponent(before);
  return {
    host: given('host', hostname) || 'localhost',
    port: Number(given('port', port) || 5432),
    user: given('user', username) || (process.env.USER ?? 'postgres'),
    password: given('password', password) || undefined,
    dbName,
    ssl: ssl(searchParams.get('sslmode') ?? 'disable', searchParams.get('sslrootcert')),
  };
}

function ssl(mode: string, rootCertificate: string | null): ControlAddress['ssl'] {
  if (mode === 'disable') return undefined;
  if (mode !== 'require' && mode !== 'verify-full') throw bad(`sslmode ${mode} is none of disable, require, verify-full`);
  const named = { what: "the root certificate of the control database's URL", hint: 'correct its sslrootcert' };
  return { rejectUnauthorized: mode === 'verify-full', ...(rootCertificate === null ? {} : { ca: String(readNamedFile(rootCertificate, named)) }) };
}

function bad(reason: string): AssayError {
  return new AssayError('usage', { reason: `cannot use the control database's URL: ${reason}`, hint: 'write postgres://user@host:5432/assay' });
}
