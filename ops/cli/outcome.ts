/** What a command ends with: one object for machines, a text for people, an exit status. */
import type { Verdict } from '../../domain/backup/model.ts';
import type { AssayError, ExitStatus } from '../../domain/errors.ts';
import type { Paint } from './paint.ts';

export interface Outcome {
  readonly exit: 0 | ExitStatus;
  /** The whole of stdout with --json. Fields are added, never renamed. */
  readonly data: object;
  text(paint: Paint): string;
}

export const verdictExit = (verdict: Verdict['verdict'] | null): 0 | ExitStatus => {
  switch (verdict) {
    case null:
    case 'proven':
      return 0;
    case 'failed':
      return 1;
    case 'inconclusive':
      return 3;
  }
};

/** The one object on stdout of a command that failed. */
export const errorObject = ({ code, message, hint, values }: AssayError) => ({ error: { code, message, hint, values } });

export const errorText = ({ message, hint }: AssayError, paint: Paint): string => `${paint.bad('assay:')} ${message}\n  ${paint.dim('→')} ${hint}\n`;
