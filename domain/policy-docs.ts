/** The key reference of docs/configuration.md, from the same definition that parses the file. */
import { type KeySchema, policyJsonSchema } from './policy-keys.ts';

/** One row of the reference. */
export interface KeyLine {
  /** `clusters.NAME.retention.days`. */
  readonly key: string;
  readonly unit: string;
  readonly range: string;
  /** As written in the file; `required` where there is none; empty where the help says it. */
  readonly default: string;
  readonly help: string;
}

/** Every key, in the order of the file; a group has a line of its own only where it may be null or is repeated. */
export const policyKeyLines = (): readonly KeyLine[] => within('', policyJsonSchema());

/** Markdown: one table for the top of the file, one for each group of a cluster. */
export function policyReference(): string {
  const all = policyKeyLines();
  const groups = [...new Set(all.map(({ key }) => groupOf(key)))];
  return groups.map((group) => `### ${group}\n\n${markdownTable(all.filter(({ key }) => groupOf(key) === group))}`).join('\n\n');
}

/** A GitHub table of key lines. */
export function markdownTable(lines: readonly KeyLine[]): string {
  const row = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const body = lines.map((line) => row([`\`${line.key}\``, line.help, line.unit, line.range, line.default]));
  return [row(['key', 'what', 'unit', 'range', 'default']), '| --- | --- | --- | --- | --- |', ...body].join('\n');
}

function groupOf(key: string): string {
  const [top, , group, ...rest] = key.split('.');
  if (top !== 'clusters') return 'The fleet';
  return group === undefined || rest.length === 0 ? 'A cluster' : `A cluster: ${group.replace('[]', '')}`;
}

/** Lines of all that stands below a group. */
function within(key: string, schema: KeySchema): readonly KeyLine[] {
  const named = Object.entries(schema.properties ?? {}).flatMap(([name, value]) =>
    lines(key === '' ? name : `${key}.${name}`, value, schema.required?.includes(name) ?? false),
  );
  const open = typeof schema.additionalProperties === 'object' ? within(`${key}.NAME`, schema.additionalProperties) : [];
  return [...named, ...open];
}

/** Lines of one key and all below it. */
function lines(key: string, schema: KeySchema, required: boolean): readonly KeyLine[] {
  const shapes = [schema, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  const nullable = shapes.some(({ type }) => type === 'null');
  const items = shapes.flatMap(({ items }) => (items === undefined ? [] : [items, ...(items.oneOf ?? [])]));
  const groups = shapes.filter((shape) => shape.properties !== undefined || typeof shape.additionalProperties === 'object');
  const find = (name: 'description' | 'x-unit' | 'x-range') => shapes.map((shape) => shape[name]).find((found) => found !== undefined) ?? '';
  const own: KeyLine = {
    key,
    unit: find('x-unit') || (items.length > 0 ? 'list' : 'group'),
    range: `${find('x-range')}${nullable ? `${find('x-range') === '' ? '' : ', '}null` : ''}`,
    default: required ? 'required' : shownDefault(schema.default),
    help: find('description'),
  };
  const shown = groups.length === 0 || nullable;
  const below = unique([...groups.flatMap((group) => within(key, group)), ...items.flatMap((item) => within(`${key}[]`, item))]);
  return shown ? [own, ...below] : below;
}

function shownDefault(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value)
        .map(([key, one]) => `\`${key}: ${String(one)}\``)
        .join(', ')
    : `\`${JSON.stringify(value).replaceAll('"', '')}\``;
}

/** Both kinds of repository have a kind, an id and a path: one line each, what differs joined. */
function unique(all: readonly KeyLine[]): readonly KeyLine[] {
  const join = (key: string, name: 'help' | 'range', by: string) => [...new Set(all.filter((line) => line.key === key).map((line) => line[name]))].join(by);
  const first = all.filter((line, index) => all.findIndex(({ key }) => key === line.key) === index);
  return first.map((line) => ({ ...line, help: join(line.key, 'help', '; '), range: join(line.key, 'range', ', ') }));
}
