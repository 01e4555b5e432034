/** docs/cli.md, generated from the command tree; a test keeps the file equal. `assay completion manual > docs/cli.md` writes it. */
import { catalogue } from '../../domain/errors.ts';
import { type CommandNode, leaves, type OptionNode } from './tree.ts';

const intro = `# The assay command

Made by \`assay completion manual\` from the command tree; do not edit.

Options stand before or after the command. People get tables on a terminal and plain lines elsewhere; results go to stdout, progress and notes to stderr.
Times are shown in your zone and asked for with an offset or a zone: a time without one, or one that a clock skips or shows twice, is refused.

## Exit status

| status | means |
| --- | --- |
| 0 | good |
| 1 | failed: a fault was found (a verdict \`failed\`, a gap, an invalid certificate) |
| 2 | usage: the command, the policy or the environment is wrong |
| 3 | not proven: \`inconclusive\`, stale, never proven, or you left before the end |
| 4 | unreachable: Temporal, a worker, a cluster or a repository does not answer |
| 5 | refused by a guard; the message names the way out |

## JSON

With \`--json\` stdout holds exactly one object, whatever happens; fields are added, never renamed. Results of requests have \`request\`
(\`verb\`, \`cluster\`, \`key\`, \`workflowId\`, \`joined\`) beside the fields of their result type in \`domain/backup/requests.ts\`. Failures are
\`{"error": {"code", "message", "hint", "values"}}\`; codes are listed at the end.

## Requests

A request belongs to the fleet, not to the terminal. Ctrl-C leaves it running and says how to come back:
\`assay backup show CLUSTER --request KEY\` follows it to its end and exits as the first command would have. A second Ctrl-C ends the command at once.
The same key joins the same request, also after it has ended; the same key with other options is refused.
`;

export function manual(tree: CommandNode): string {
  const commands = leaves(tree).map(section);
  const codes = Object.entries(catalogue).map(([code, { exit, hint }]) => `| \`${code}\` | ${exit} | ${escaped(hint)} |`);
  return [
    intro,
    `## Options of every command\n\n${optionsTable(tree.options)}\n`,
    `## Commands\n\n${commands.join('\n')}`,
    `## Error codes\n\n| code | exit | way out |\n| --- | --- | --- |\n${codes.join('\n')}\n`,
  ].join('\n');
}

function section(node: CommandNode): string {
  const usage = [
    node.path,
    ...node.arguments.map(({ name, required }) => (required ? `<${name}>` : `[${name}]`)),
    ...(node.options.length > 0 ? ['[options]'] : []),
  ];
  const given = node.arguments.map(({ name, help, choices }) => `- \`${name}\`: ${help}${choices.length > 0 ? ` (${choices.join(', ')})` : ''}`);
  return [
    `### ${node.path}\n`,
    `\`\`\`\n${usage.join(' ')}\n\`\`\`\n`,
    `${node.description}\n`,
    ...(given.length > 0 ? [`${given.join('\n')}\n`] : []),
    ...(node.options.length > 0 ? [`${optionsTable(node.options)}\n`] : []),
  ].join('\n');
}

const optionsTable = (options: readonly OptionNode[]) =>
  `| option | |\n| --- | --- |\n${options.map(({ flags, help, choices, mandatory }) => `| \`${flags}\` | ${escaped(help)}${choices.length > 0 ? `: ${choices.join(', ')}` : ''}${mandatory ? ' (required)' : ''} |`).join('\n')}`;

const escaped = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
