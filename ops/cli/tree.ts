/** The command tree as data: completion and the manual are made from it, so they cannot say anything else. */
import type { Command } from 'commander';

export interface OptionNode {
  /** `--to-time <time>`. */
  readonly flags: string;
  readonly long: string;
  readonly help: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
  readonly mandatory: boolean;
}

export interface ArgumentNode {
  readonly name: string;
  readonly help: string;
  readonly required: boolean;
  readonly choices: readonly string[];
}

export interface CommandNode {
  /** `assay backup run`. */
  readonly path: string;
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly arguments: readonly ArgumentNode[];
  readonly options: readonly OptionNode[];
  readonly commands: readonly CommandNode[];
}

export function treeOf(command: Command, parent = ''): CommandNode {
  const path = parent === '' ? command.name() : `${parent} ${command.name()}`;
  return {
    path,
    name: command.name(),
    summary: command.summary() || command.description(),
    description: command.description(),
    arguments: command.registeredArguments.map((each) => ({
      name: each.name(),
      help: each.description,
      required: each.required,
      choices: each.argChoices ?? [],
    })),
    options: command.options
      .filter((each) => !each.hidden)
      .map((each) => ({
        flags: each.flags,
        long: each.long ?? each.flags,
        help:
          each.defaultValue === undefined || typeof each.defaultValue === 'boolean' ? each.description : `${each.description} (default: ${each.defaultValue})`,
        takesValue: each.required || each.optional,
        choices: each.argChoices ?? [],
        mandatory: each.mandatory,
      })),
    commands: command.commands.map((child) => treeOf(child, path)),
  };
}

/** Every command that does something, in the order of the tree. */
export const leaves = (node: CommandNode): readonly CommandNode[] => (node.commands.length === 0 ? [node] : node.commands.flatMap(leaves));

/** Every command, groups too. */
export const all = (node: CommandNode): readonly CommandNode[] => [node, ...node.commands.flatMap(all)];
