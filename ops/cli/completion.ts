/** Shell completion, generated from the command tree. Names of clusters are asked for while completing (`assay completion clusters`). */
import { all, type CommandNode, type OptionNode } from './tree.ts';

export type Shell = 'bash' | 'zsh' | 'fish';

/** What can follow a command, in the shells' own terms. */
interface Words {
  /** `backup run`; empty for the command itself. */
  readonly path: string;
  readonly commands: readonly CommandNode[];
  readonly options: readonly OptionNode[];
  readonly takesCluster: boolean;
  readonly argumentChoices: readonly string[];
}

export function completionScript(tree: CommandNode, shell: Shell): string {
  const words = all(tree).map((node) => wordsOf(node, tree));
  switch (shell) {
    case 'bash':
      return bash(words);
    case 'zsh':
      return `#compdef assay\nautoload -U +X bashcompinit && bashcompinit\n${bash(words)}`;
    case 'fish':
      return fish(words);
  }
}

const wordsOf = (node: CommandNode, tree: CommandNode): Words => ({
  path: node.path.split(' ').slice(1).join(' '),
  commands: node.commands,
  options: node === tree ? tree.options : [...node.options, ...tree.options],
  takesCluster: node.arguments[0]?.name === 'cluster',
  argumentChoices: node.arguments[0]?.choices ?? [],
});

function bash(words: readonly Words[]): string {
  const paths = words.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`);
  const cases = words.map((each) => `    '${each.path}') words="${bashWords(each).join(' ')}"${each.takesCluster ? '; clusters=1' : ''} ;;`);
  const values = optionValues(words).map(({ long, choices }) => `    ${long}) COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$cur")); return ;;`);
  const withValue = [...new Set(words.flatMap(({ options }) => options.filter((each) => each.takesValue).map(({ long }) => long)))];
  return `# assay completion; install: source <(assay completion bash)
_assay() {
  local cur prev words='' clusters='' path='' word
  cur="\${COMP_WORDS[COMP_CWORD]}"; prev="\${COMP_WORDS[COMP_CWORD-1]}"
  case "$prev" in
${values.join('\n')}
    --file|--into|--out|--key|--engine-config) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    ${withValue.join('|')}) return ;;
  esac
  local i known=(${paths.join(' ')})
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${path:+$path }\${COMP_WORDS[i]}"
    for k in "\${known[@]}"; do [[ "$k" == "$word" ]] && path="$word"; done
  done
  case "$path" in
${cases.join('\n')}
  esac
  [[ -n "$clusters" && "$cur" != -* ]] && words="$words $(assay completion clusters 2>/dev/null)"
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _assay assay
`;
}

const bashWords = ({ commands, options, argumentChoices }: Words) => [
  ...commands.map(({ name }) => name),
  ...argumentChoices,
  ...options.map(({ long }) => long),
];

/** Options with a closed set of values; the same option has the same values everywhere. */
function optionValues(words: readonly Words[]): readonly OptionNode[] {
  const byName = new Map<string, OptionNode>();
  for (const option of words.flatMap(({ options }) => options)) if (option.choices.length > 0) byName.set(option.long, option);
  return [...byName.values()];
}

function fish(words: readonly Words[]): string {
  const lines = words.flatMap((each) => {
    const condition = `-n "__assay_at '${each.path}'"`;
    return [
      ...each.commands.map(({ name, summary }) => `complete -c assay -f ${condition} -a ${name} -d ${quoted(summary)}`),
      ...each.argumentChoices.map((choice) => `complete -c assay -f ${condition} -a ${choice}`),
      ...(each.takesCluster ? [`complete -c assay -f ${condition} -a "(assay completion clusters 2>/dev/null)"`] : []),
      ...each.options.map(({ long, help, takesValue, choices }) => {
        const values = choices.length > 0 ? ` -x -a ${quoted(choices.join(' '))}` : takesValue ? ' -r' : '';
        return `complete -c assay ${condition} -l ${long.slice(2)}${values} -d ${quoted(help)}`;
      }),
    ];
  });
  const known = words.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  return `# assay completion; install: assay completion fish > ~/.config/fish/completions/assay.fish
function __assay_at
  set -l path ''
  for word in (commandline -opc)[2..-1]
    set -l longer (string trim "$path $word")
    contains -- $longer ${known.join(' ')}; and set path $longer
  end
  test "$path" = "$argv[1]"
end
${lines.join('\n')}
`;
}

const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
