/**
 * Values to plan a statement with, made from what PostgreSQL's statistics say of the columns they are compared with.
 * A value is PostgreSQL's text form. Every binding takes the same case for all parameters; equal bindings are given once.
 */
import type { Binding, BindingCase } from './model.ts';
import { absentValue, arrayOf, typeDefault } from './type-values.ts';

/**
 * How a statement uses a parameter. `above`: the column is greater than it; `below`: less; `pattern`: LIKE; `expression`: a regular expression;
 * `inserted` and `written` become a column's value; `unit`: a field of a time (`day`); `zone`: a time zone; `list`: a JSON array; `projected`: only shown.
 */
export type ParameterUse =
  | 'equal'
  | 'above'
  | 'below'
  | 'pattern'
  | 'expression'
  | 'inserted'
  | 'written'
  | 'limit'
  | 'offset'
  | 'unit'
  | 'zone'
  | 'list'
  | 'projected'
  | 'other';

/** What pg_stats says of a column. */
export interface ColumnSample {
  /** Most common first. */
  readonly common: readonly string[];
  /** Bounds of the histogram, ascending; values among the most common are not in it. */
  readonly bounds: readonly string[];
  /** Alone in a unique index: a second row of the same value is refused. */
  readonly isUnique: boolean;
  /** Part of a foreign key: only values of another table are taken. */
  readonly isReference: boolean;
}

export interface ParameterFacts {
  /** PostgreSQL's name of the type. */
  readonly type: string;
  readonly use: ParameterUse;
  /** `schema.table.column` it is compared with or becomes; null unknown. */
  readonly column: string | null;
  /** null: no statistics. */
  readonly sample: ColumnSample | null;
  /** Labels of an enum type. */
  readonly labels: readonly string[];
  /** The value that the text itself gives; null where it gives none. */
  readonly known: string | null;
  /** Values that occur together with those of other columns; null: the column is alone. */
  readonly joint: JointValues | null;
}

export type JointValues = Readonly<Record<'common' | 'quantile' | 'rare', string>>;

const cases = ['common', 'quantile', 'rare', 'absent'] as const;
type SyntheticCase = (typeof cases)[number];

/** At most `maxBindings`, the commonest case first; null: a parameter that decides about rows has no value, only the generic plan is left. */
export function syntheticBindings(parameters: readonly ParameterFacts[], options: { maxBindings: number; now: string }): readonly Binding[] | null {
  const numbered = parameters.map((parameter, index) => ({ parameter, ordinal: ordinalOf(parameters, index), isWindow: isWindow(parameters, parameter) }));
  const hasSample = parameters.some(({ sample, use }) => sample !== null && !['inserted', 'projected'].includes(use));
  const found = new Map<string, Binding>();
  for (const wanted of hasSample ? cases : cases.slice(0, 1)) {
    const values = numbered.map(({ parameter, ordinal, isWindow: window }) =>
      parameterValue(parameter, { wanted, ordinal, isWindow: window, now: options.now }),
    );
    if (values.some((value, index) => value === null && decides(parameters[index]))) return null;
    const key = JSON.stringify(values);
    if (!found.has(key)) found.set(key, { source: 'synthetic', case: wanted satisfies BindingCase, values });
  }
  return [...found.values()].slice(0, options.maxBindings);
}

/** A value that is only stored or shown may be null without a false plan. */
const decides = (parameter: ParameterFacts | undefined) => !['inserted', 'written', 'projected'].includes(parameter?.use ?? 'other');

/** How many parameters before it are used alike with the same column: each of an IN list gets a value of its own. */
const ordinalOf = (parameters: readonly ParameterFacts[], index: number) =>
  parameters.slice(0, index).filter(({ column, use }) => column !== null && column === parameters[index]?.column && use === parameters[index]?.use).length;

/** Both ends of a range of one column are given. */
const isWindow = (parameters: readonly ParameterFacts[], { column, use }: ParameterFacts) =>
  column !== null && parameters.some((other) => other.column === column && other.use === { above: 'below', below: 'above' }[use as string]);

interface Wanted {
  readonly wanted: SyntheticCase;
  readonly ordinal: number;
  readonly isWindow: boolean;
  readonly now: string;
}

function parameterValue(parameter: ParameterFacts, wish: Wanted): string | null {
  if (parameter.known !== null) return parameter.known;
  const { type, use, sample, labels, joint } = parameter;
  if (joint !== null && wish.wanted !== 'absent') return joint[wish.wanted];
  if (use === 'limit') return '20';
  if (use === 'offset') return '0';
  if (use === 'unit') return 'day';
  if (use === 'zone') return 'UTC';
  if (use === 'list' && type.startsWith('json')) return '[]';
  const element = type.endsWith('[]') ? type.slice(0, -2) : null;
  if (element !== null && use === 'equal' && sample !== null) {
    const several = [0, 1, 2].map((ordinal) => columnValue({ ...parameter, type: element }, { ...wish, ordinal })).filter((value) => value !== null);
    if (several.length > 0) return arrayOf([...new Set(several)]);
  }
  const fromColumn = element === null ? columnValue(parameter, wish) : null;
  if (fromColumn !== null) return fromColumn;
  if (labels.length > 0) return labels[wish.ordinal % labels.length] ?? null;
  return sample === null || sample.isUnique
    ? typeDefault(type, { now: wish.now, isCompared: use === 'equal' })
    : (sample.common[0] ?? typeDefault(type, { now: wish.now, isCompared: true }));
}

function columnValue({ type, use, sample }: ParameterFacts, wish: Wanted): string | null {
  if (sample === null || (sample.common.length === 0 && sample.bounds.length === 0)) return null;
  switch (use) {
    case 'above':
    case 'below':
      return rangeEnd(sample, use, wish);
    case 'pattern':
      return `${likeEscaped(prefixOf(equalValue(type, sample, wish)))}%`;
    case 'expression':
      return `^${prefixOf(equalValue(type, sample, wish)).replaceAll(/[^\p{L}\p{N} ]/gu, '.')}`;
    case 'inserted':
      // a value that is there violates a unique index, one that is not there a foreign key
      return sample.isUnique && !sample.isReference
        ? absentValue(type, { ordinal: wish.ordinal, present: everyValue(sample) })
        : equalValue(type, sample, { ...wish, wanted: 'common' });
    case 'equal':
    case 'written':
      return equalValue(type, sample, use === 'written' && wish.wanted === 'absent' ? { ...wish, wanted: 'rare' } : wish);
    default:
      return null;
  }
}

function equalValue(type: string, sample: ColumnSample, { wanted, ordinal }: Wanted): string {
  const { common, bounds } = sample;
  const at = (share: number) => quantile(bounds, share, ordinal);
  const least = common.at(-1 - (ordinal % Math.max(common.length, 1)));
  const most = common[ordinal] ?? at(0.5) ?? common.at(-1) ?? '';
  if (wanted === 'common') return most;
  if (wanted === 'quantile') return at(0.5) ?? common[Math.floor(common.length / 2) + (ordinal % 2)] ?? most;
  if (wanted === 'rare') return at(0.2) ?? least ?? most;
  return absentValue(type, { ordinal, present: everyValue(sample) }) ?? least ?? most;
}

const everyValue = ({ common, bounds }: ColumnSample) => [...common, ...bounds];

/** Shares of the histogram; `above` alone asks for what is newest or greatest, as most statements do. */
const windows: Readonly<Record<SyntheticCase, { above: number; below: number; lone: { above: number; below: number } }>> = {
  common: { above: 0.45, below: 0.55, lone: { above: 0.9, below: 0.1 } },
  quantile: { above: 0.25, below: 0.75, lone: { above: 0.5, below: 0.5 } },
  rare: { above: 0.5, below: 0.51, lone: { above: 0.99, below: 0.01 } },
  absent: { above: 1, below: 1, lone: { above: 1, below: 0 } },
};

function rangeEnd({ common, bounds }: ColumnSample, use: 'above' | 'below', { wanted, isWindow: window, ordinal }: Wanted): string {
  const share = window ? windows[wanted][use] : windows[wanted].lone[use];
  return quantile(bounds, share, 0) ?? common[(ordinal + cases.indexOf(wanted)) % common.length] ?? '';
}

function quantile(bounds: readonly string[], share: number, ordinal: number): string | undefined {
  if (bounds.length === 0) return undefined;
  return bounds[(Math.round(share * (bounds.length - 1)) + ordinal) % bounds.length];
}

const prefixOf = (value: string) => [...value].slice(0, 3).join('');

const likeEscaped = (value: string) => value.replaceAll(/[\\%_]/g, '\\$&');
