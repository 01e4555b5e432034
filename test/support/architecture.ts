/** Reads imports and exports of TypeScript files and holds them against the table of arrows in the design's overview. */
import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import { parseAst } from 'vitest/node';
import { type Arrows, arrowsOf } from './arrows.ts';

export interface SourceFile {
  /** From the checkout's folder, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

interface Import {
  readonly specifier: string;
  /** Nothing of it is left at run time. `import { type A }` still loads the module, so it is not one. */
  readonly typeOnly: boolean;
}

const MAX_LINES = 300;
const CONFIGURATION = /(^|\/)[\w.-]+\.config\.ts$/;

/** Every violation as one line: the file, what it does, what the rule says. Empty: all is well. */
export function violations(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap((file) => {
    const { imports, hasDefaultExport } = read(file);
    const lines = file.text.split('\n').length - 1;
    return [
      ...imports.flatMap((found) => forbidden(file.path, found)),
      ...(hasDefaultExport && !CONFIGURATION.test(file.path) ? [`${file.path}: a default export outside a configuration`] : []),
      ...(lines > MAX_LINES ? [`${file.path}: ${lines} lines, at most ${MAX_LINES}`] : []),
    ];
  });
}

function forbidden(path: string, found: Import): string[] {
  const arrows = arrowsOf(path);
  if (arrows === null) return [`${path}: no arrow is drawn for this folder`];
  const verb = found.typeOnly ? 'imports the type' : 'imports';
  const said = `${path}: ${verb} ${found.specifier}; ${arrows.folder} may import ${arrows.says}`;
  return allowed(path, found, arrows) ? [] : [said];
}

function allowed(path: string, { specifier, typeOnly }: Import, arrows: Arrows): boolean {
  if (isBuiltin(specifier)) return arrows.builtins;
  if (!specifier.startsWith('.')) {
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
    return arrows.packages(name, typeOnly);
  }
  const target = posix.join(posix.dirname(path), specifier);
  return arrows.ours(target, typeOnly);
}

/** oxc's ESTree: only the fields read here. */
interface Node {
  readonly type: string;
  readonly source?: { readonly value?: unknown } | null;
  readonly importKind?: string;
  readonly exportKind?: string;
  readonly moduleReference?: { readonly expression?: { readonly value?: unknown } };
  readonly specifiers?: readonly { readonly exported?: { readonly name?: string } }[];
}

function read(file: SourceFile): { imports: readonly Import[]; hasDefaultExport: boolean } {
  const imports: Import[] = [];
  let hasDefaultExport = false;
  visit(parseAst(file.text, { lang: 'ts' }, file.path), (node) => {
    const specifier = node.source?.value ?? node.moduleReference?.expression?.value;
    const typeOnly = node.type === 'TSImportType' || node.importKind === 'type' || node.exportKind === 'type';
    if (typeof specifier === 'string') imports.push({ specifier, typeOnly });
    else if (node.type === 'ImportExpression') imports.push({ specifier: '(a computed import)', typeOnly: false });
    hasDefaultExport ||= node.type === 'ExportDefaultDeclaration' || (node.specifiers ?? []).some((one) => one.exported?.name === 'default');
  });
  return { imports, hasDefaultExport };
}

function visit(value: unknown, look: (node: Node) => void): void {
  if (Array.isArray(value)) for (const item of value) visit(item, look);
  else if (typeof value === 'object' && value !== null) {
    if ('type' in value && typeof value.type === 'string') look(value as Node);
    for (const child of Object.values(value)) visit(child, look);
  }
}
