/** docs/errors.md, from the catalogue of errors. */
import { catalogue, type ExitStatus } from '../domain/errors.ts';

const exits: Record<ExitStatus, string> = {
  1: 'failed: a fault was found',
  2: 'usage',
  3: 'not proven: inconclusive',
  4: 'unreachable',
  5: 'refused by a guard',
};

/** The whole page; test/ops/docs.test.ts keeps it equal to the file. */
export function errorsMarkdown(): string {
  const rows = Object.entries(catalogue).map(
    ([code, { message, hint, retryable, exit }]) => `| \`${code}\` | ${cell(message)} | ${cell(hint)} | ${retryable ? 'yes' : 'no'} | ${exit} |`,
  );
  return [
    '# Errors',
    '',
    'Made from `domain/errors.ts`. Codes are public: added, never renamed. A message says what was tried and with which values; the hint is the way out.',
    'The same code is the type of the failure in Temporal, the `code` of `--json`, and the label `code` of the metrics.',
    '',
    'Exit status of the command: 0 good,',
    `${Object.entries(exits)
      .map(([status, text]) => `${status} ${text}`)
      .join(', ')}.`,
    '',
    '| code | message | way out | retried | exit |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

// names in braces are filled in; a bar or a line break would end the cell
const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
