/** Values for the settings that policies read, with which a role sees rows: from rows of the tables that the settings are compared with, each tried. */
import type pg from 'pg';
import { MAX_BINDINGS } from '../../../domain/optimizer/limits.ts';
import type { RunAs } from '../../../domain/optimizer/model.ts';
import { qualified } from '../../pg.ts';
import { faultOf, isServerError } from '../../pg-errors.ts';
import { becomeSql } from '../run-as.ts';
import { relationsOf } from '../workload/classify.ts';
import { sampledTuples } from './joint.ts';
import { type Guarded, nameOf } from './policies.ts';
import type { ColumnOrigin } from './scope.ts';
import { calledFunctions, type SettingParameter, type SettingRead, withParameters } from './setting-reads.ts';
import type { LabCatalogue } from './statistics.ts';
import type { Parsed } from './tree.ts';
import { usagesOf } from './usage.ts';

interface Lab {
  readonly client: pg.Client;
  readonly catalogue: LabCatalogue;
}

/** A role with settings, and what its policies then make of columns. */
export interface SeeingSession {
  readonly as: RunAs;
  /** By `schema.table.column`: its rows have this value, and what it writes must. */
  readonly own: ReadonlyMap<string, string>;
  /** Settings were chosen: values that were really sent belong to somebody else's session, nobody knows whose. */
  readonly isMadeUp: boolean;
}

/** A setting, or a part of one, that policies read. */
interface ReadSetting extends SettingParameter {
  /** Columns that must equal it. */
  readonly origins: readonly ColumnOrigin[];
}

/** Combinations of values tried before it is given up. */
const TRIES = 12;
const LOOK_MS = 5_000;

/** At most as many as a statement gets values; in words why there is none. Where policies read no setting the role alone is enough. */
export async function sessionsThatSee(lab: Lab, as: RunAs, guarded: Guarded): Promise<readonly SeeingSession[] | string> {
  const read = await settingsRead(lab, guarded);
  // what the role itself has set is known
  const isKnown = ({ reads }: ReadSetting) => reads.every(({ name }) => as.settings[name] !== undefined);
  const fixedOwn = read.filter(isKnown).flatMap((one): (readonly [string, string])[] => ownOf(one, as.settings[one.reads[0]?.name ?? ''] ?? ''));
  const unknown = read.filter((one) => !isKnown(one));
  if (unknown.length === 0) return [{ as, own: new Map(fixedOwn), isMadeUp: false }];
  const constants = unknown.flatMap(({ reads, constant }): Given[] => (constant === null ? [] : [{ reads, value: constant, own: [] }]));
  const combinations = await combinationsOf(
    lab,
    unknown.filter(({ origins }) => origins.length > 0),
  );
  for (const fixed of constants.length === 0 ? [[]] : [[], constants]) {
    const seeing: SeeingSession[] = [];
    for (const values of combinations) {
      const session: RunAs = { ...as, settings: { ...as.settings, ...settingsOf([...fixed, ...values]) } };
      if (await seesRows(lab.client, session, guarded))
        seeing.push({ as: session, own: new Map([...fixedOwn, ...values.flatMap(({ own }) => own)]), isMadeUp: true });
      if (seeing.length === MAX_BINDINGS) break;
    }
    if (seeing.length > 0) return seeing;
  }
  const names = [...new Set(unknown.flatMap(({ reads }) => reads.map(({ name }) => name)))].sort();
  const tables = guarded.tables.map(({ table }) => nameOf(table)).sort();
  return `${tables.join(', ')} has row level security that reads ${names.join(', ')}, and no value is known with which ${as.role} sees a row`;
}

async function settingsRead({ client, catalogue }: Lab, { conditions }: Guarded): Promise<readonly ReadSetting[]> {
  const found = new Map<string, ReadSetting>();
  for (const { parsed } of conditions) {
    const { readsOf, bodies } = await calledFunctions(client, parsed.root);
    for (const own of [parsed, ...bodies]) {
      await catalogue.load(relationsOf(own));
      const { root, parameters } = withParameters(own.root, readsOf);
      const usages = usagesOf({ ...own, root } satisfies Parsed, (schema, name) => catalogue.find(schema, name));
      for (const [index, { reads, constant }] of parameters.entries()) {
        const usage = usages.get(index + 1);
        const origin = usage?.use === 'equal' && usage.origin !== null ? [usage.origin] : [];
        const before = found.get(JSON.stringify(reads));
        found.set(JSON.stringify(reads), { reads, constant: constant ?? before?.constant ?? null, origins: [...(before?.origins ?? []), ...origin] });
      }
    }
  }
  return [...found.values()];
}

const ownOf = ({ origins }: ReadSetting, value: string) => origins.map(({ relation, column }) => [`${nameOf(relation)}.${column}`, value] as const);

interface Given {
  readonly reads: readonly SettingRead[];
  readonly value: string;
  readonly own: readonly (readonly [column: string, value: string])[];
}

/** The commonest, one in between, a rare one, then others. Values of one table come from one row. */
async function combinationsOf({ client }: Lab, compared: readonly ReadSetting[]): Promise<readonly (readonly Given[])[]> {
  if (compared.length === 0) return [[]];
  const relations = new Map(compared.map((one) => [nameOf(firstOf(one).relation), firstOf(one).relation]));
  const perGroup: (readonly (readonly Given[])[])[] = [];
  for (const [relation, { schema, name }] of relations) {
    const group = compared.filter((one) => nameOf(firstOf(one).relation) === relation);
    const columns = group.map((one) => ({ name: firstOf(one).column }));
    const tuples = await sampledTuples(client, { schema, relation: name, columns });
    perGroup.push(spread(tuples).map((tuple) => group.map((one, place): Given => givenOf(one, tuple[place] as string))));
  }
  const most = Math.min(TRIES, Math.max(...perGroup.map(({ length }) => length)));
  // a table without rows leads to no value
  return perGroup.some(({ length }) => length === 0)
    ? []
    : Array.from({ length: most }, (_, place) => perGroup.flatMap((group) => group[place % group.length] ?? []));
}

const firstOf = ({ origins }: ReadSetting): ColumnOrigin => origins[0] as ColumnOrigin;

const givenOf = (one: ReadSetting, value: string): Given => ({ reads: one.reads, value, own: ownOf(one, value) });

function spread<T>(sorted: readonly T[]): readonly T[] {
  const first = new Set([0, sorted.length >> 1, sorted.length - 1].filter((place) => place >= 0));
  const places = [...first, ...[...sorted.keys()].filter((place) => !first.has(place))];
  return places.flatMap((place) => sorted.slice(place, place + 1));
}

/** What stands at a path is a part of a JSON document. */
function settingsOf(given: readonly Given[]): Readonly<Record<string, string>> {
  const plain = new Map<string, string>();
  const documents = new Map<string, Record<string, unknown>>();
  for (const { reads, value } of given) {
    for (const { name, path } of reads) {
      if (path.length === 0) plain.set(name, value);
      else documents.set(name, withPart(documents.get(name) ?? {}, path, value));
    }
  }
  return { ...Object.fromEntries(plain), ...Object.fromEntries([...documents].map(([name, document]) => [name, JSON.stringify(document)])) };
}

function withPart(document: Readonly<Record<string, unknown>>, [step = '', ...rest]: readonly string[], value: string): Record<string, unknown> {
  const below = document[step];
  const inner = typeof below === 'object' && below !== null ? (below as Record<string, unknown>) : {};
  return { ...document, [step]: rest.length === 0 ? value : withPart(inner, rest, value) };
}

/** Of every such table that the statement names. What cannot be looked at in time, or may not be read at all, is no reason against it. */
async function seesRows(client: pg.Client, session: RunAs, { tables }: Guarded): Promise<boolean> {
  for (const { table, isNamed } of tables) {
    if (!isNamed) continue;
    try {
      await client.query(`begin read only; set local statement_timeout = ${LOOK_MS}; ${becomeSql(session)}`);
      const { rows } = await client.query<{ sees: boolean }>(
        `/* assay optimizer */ select exists (select from ${qualified(table.schema, table.name)}) as sees`,
      );
      if (rows[0]?.sees !== true) return false;
    } catch (error) {
      if (!isServerError(error)) throw error;
      if (!['cancelled', 'privilege-missing'].includes(faultOf(error))) return false;
    } finally {
      await client.query('rollback');
    }
  }
  return true;
}
