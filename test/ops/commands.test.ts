import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildProgram } from '../../ops/cli/program.ts';
import { type CommandNode, treeOf } from '../../ops/cli/tree.ts';

const never = (): never => {
  throw new Error('nothing is run here');
};
const tree = treeOf(buildProgram({ session: never, finish: never, version: '0', columns: 100, writeOut: never, writeErr: never }));

/** What is wrong with a command as the docs write it; null where it can be typed. */
function faultOf(written: string): string | null {
  const words = (written.replace(/\s+#.*$/, '').match(/(?:'[^']*'|[^\s'])+/g) ?? []).slice(1);
  let node: CommandNode = tree;
  for (let next = childOf(node, words[0]); next !== undefined; next = childOf(node, words[0])) {
    node = next;
    words.shift();
  }
  if (node.commands.length > 0) return `${written}: no such command`;
  let given = 0;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (!word.startsWith('-')) given++;
    else {
      const option = [...node.options, ...tree.options].find(({ long }) => long === word);
      if (option === undefined) return `${written}: no option ${word}`;
      if (option.takesValue) words.shift();
    }
  }
  return given > node.arguments.length ? `${written}: too many arguments` : null;
}

const childOf = (node: CommandNode, word: string | undefined) => node.commands.find(({ name }) => name === word);

const pages = [
  ...(readdirSync('docs', { recursive: true, encoding: 'utf8' }) as string[]).filter((name) => name.endsWith('.md')).map((name) => join('docs', name)),
  'CONTRIBUTING.md',
];

function commandsIn(path: string): readonly string[] {
  const text = readFileSync(path, 'utf8');
  const inline = [...text.matchAll(/`(assay [^`\n]+)`/g)].map(([, command]) => command as string);
  const fenced = [...text.matchAll(/^```\w*\n([\s\S]*?)^```/gm)].flatMap(([, block]) =>
    (block as string).split('\n').filter((line) => line.startsWith('assay ')),
  );
  return [...inline, ...fenced].filter((command) => !/[<[|>]/.test(command));
}

test.each(pages)('every command that %s tells to type exists', (path) => {
  expect(commandsIn(path).flatMap((command) => faultOf(command) ?? [])).toEqual([]);
});

test('a command that is not there, an option, or one argument too many is found', () => {
  expect(commandsIn('docs/runbooks/AssayProofFailed.md').length).toBeGreaterThan(5);
  expect(['assay backup prov CLUSTER', 'assay backup prove CLUSTER --depth deep', 'assay backup status CLUSTER PROOF'].map(faultOf)).toEqual([
    expect.stringContaining('no such command'),
    expect.stringContaining('no option --depth'),
    expect.stringContaining('too many arguments'),
  ]);
});
