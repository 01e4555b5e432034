/** What each command is given. */
import type { AssayClient } from '../client/connect.ts';
import type { GlobalOptions, LocalHandlers, Tell } from './handlers.ts';
import type { Terminal } from './terminal.ts';

export interface Session {
  readonly terminal: Terminal;
  readonly handlers: LocalHandlers;
  readonly options: GlobalOptions & { readonly quiet: boolean };
  /** A line on stderr, unless --quiet. */
  readonly tell: Tell;
  /** Connects once; closed when the command ends. */
  readonly client: () => Promise<AssayClient>;
}
