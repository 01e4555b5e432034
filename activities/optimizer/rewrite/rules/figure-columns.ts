/** What a derived table of groups gives besides its keys: each figure once, under a name of its own. */
import type { Node } from 'libpg-query';
import { column, target } from '../nodes.ts';
import { plain } from '../query-text.ts';

export interface FigureColumns {
  /** The figure, computed in there, as it is read from outside. */
  readonly read: (figure: Node) => Node;
  /** For the derived table's target list: all that were read. */
  readonly targets: () => readonly Node[];
}

export function figureColumns(alias: string, names: (wish: string) => string): FigureColumns {
  const figures = new Map<string, { readonly node: Node; readonly name: string }>();
  return {
    read: (node) => {
      const there = figures.get(plain(node)) ?? { node, name: names(`value_${figures.size + 1}`) };
      figures.set(plain(node), there);
      return column(alias, there.name);
    },
    targets: () => [...figures.values()].map(({ node, name }) => target(node, name)),
  };
}
