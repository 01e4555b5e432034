/** On the lab: what makes the rest of a transaction the role's that ran a statement, with row level security as it meets it. */
import type { Binding, RunAs } from '../../domain/optimizer/model.ts';
import { ident, literal } from '../pg.ts';

/** SQL for the end of a transaction's beginning, each command after a `;`; the rollback gives the superuser back. Empty where the session's own role runs it. */
export const asRole = ({ as }: Pick<Binding, 'as'>): string => (as === undefined ? '' : `; ${becomeSql(as)}`);

/** The session must be a superuser's, inside a transaction. Both `current_user` and `session_user` are the role then. */
export function becomeSql({ role, settings }: RunAs): string {
  const set = Object.entries(settings).map(([name, value]) => `select pg_catalog.set_config(${literal(name)}, ${literal(value)}, true)`);
  // off, as a clone's sessions have it, means an error where rows would be hidden
  return [...set, 'set local row_security = on', `set local session authorization ${ident(role)}`].join('; ');
}
