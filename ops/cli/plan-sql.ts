/** SQL of a plan or a removal for psql, each cluster's in the database it belongs into. */
import type { Change } from '../../domain/plan.ts';

/**
 * One cluster after the other, each under a heading that names its database and server. Roles and grants on functions are the whole server's or the
 * database's, the schema is the database's alone: psql is led there, since elsewhere everything would succeed and be of no use.
 */
export function sqlText(changes: readonly Change[]): string {
  const parts = new Map<string, string[]>();
  for (const { cluster, sql, place } of changes) {
    if (sql === undefined) continue;
    const part = parts.get(cluster) ?? [heading(cluster, place)];
    parts.set(cluster, [...part, `${sql.trim()};\n`]);
  }
  return [...parts.values()].map((part) => part.join('')).join('\n');
}

function heading(cluster: string, place: Change['place']): string {
  if (place === undefined) return `-- ${oneLine(cluster)}\n`;
  const { host, port, database } = place;
  const where = `-- ${oneLine(cluster)}: database ${JSON.stringify(database)} of ${oneLine(host)}:${port}\n`;
  const connect = connectLine(database);
  if (connect === null) return `${where}-- connect to it first: psql cannot be led to a database of this name\n`;
  return `${where}-- the next line is psql's own; elsewhere leave it out and connect to that database first\n${connect}\n`;
}

/** A comment ends with its line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const oneLine = (text: string): string => text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '�');

/**
 * As pg_dump writes it (appendPsqlMetaConnect): a name that is not plain could be taken for a connection string, so it goes inside one, with server
 * and role as psql has them. null: psql reads line by line, and pg_dump refuses such a name, too. A script ends where \connect fails.
 */
function connectLine(database: string): string | null {
  if (/^[A-Za-z0-9_.]+$/.test(database)) return `\\connect "${database}"`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000\n\r]/.test(database)) return null;
  const named = `dbname='${database.replaceAll(/['\\]/g, '\\$&')}'`;
  return `\\connect -reuse-previous=on "${named.replaceAll('"', '""')}"`;
}
