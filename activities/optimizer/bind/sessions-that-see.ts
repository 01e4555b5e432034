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

/** A setting, or a part of one, that must have a value. */
interface Unknown extends SettingParameter {
  readonly origin: ColumnOrigin | null;
}

/** Combinations of values tried before it is given up. */
const TRIES = 12;
const LOOK_MS = 5_000;

/** At most as many as a statement gets values; in words why there is none. Where policies read no setting the role alone is enough. */
export async function sessionsThatSee(lab: Lab, as: RunAs, guarded: Guarded): Promise<readonly RunAs[] | string> {
  const unknown = await unknownSettings(lab, as, guarded);
  if (unknown.length === 0) return [as];
  const compared = unknown.filter(({ origin }) => origin !== null);
  const constants = unknown.filter(({ constant }) => constant !== null);
  const combinations = await combinationsOf(lab, compared);
  for (const fixed of constants.length === 0 ? [[]] : [[], constants]) {
    const seeing: RunAs[] = [];
    for (const values of combinations) {
      const given = [...fixed.map((one): Given => [one.reads, one.constant as string]), ...values];
      const session: RunAs = { ...as, settings: { ...as.settings, ...settingsOf(given) } };
      if (await seesRows(lab.client, session, guarded)) seeing.push(session);
      if (seeing.length === MAX_BINDINGS) break;
    }
    if (seeing.length > 0) return seeing;
  }
  const names = [...new Set(unknown.flatMap(({ reads }) => reads.map(({ name }) => name)))].sort();
  const tables = guarded.tables.map(({ table }) => nameOf(table)).sort();
  return `${tables.join(', ')} has row level security that reads ${names.join(', ')}, and no value is known with which ${as.role} sees a row`;
}

/** What the role itself has set is known. */
async function unknownSettings({ client, catalogue }: Lab, { settings }: RunAs, { conditions }: Guarded): Promise<readonly Unknown[]> {
  const found = new Map<string, Unknown>();
  for (const { parsed } of conditions) {
    const { readsOf, bodies } = await calledFunctions(client, parsed.root);
    for (const own of [parsed, ...bodies]) {
      await catalogue.load(relationsOf(own));
      const { root, parameters } = withParameters(own.root, readsOf);
      const usages = usagesOf({ ...own, root } satisfies Parsed, (schema, name) => catalogue.find(schema, name));
      for (const [index, parameter] of parameters.entries()) {
        const usage = usages.get(index + 1);
        const origin = usage?.use === 'equal' ? usage.origin : null;
        const key = JSON.stringify(parameter.reads);
        const before = found.get(key);
        if (before === undefined || (before.origin === null && origin !== null))
          found.set(key, { ...parameter, constant: parameter.constant ?? before?.constant ?? null, origin });
      }
    }
  }
  return [...found.values()].filter(({ reads }) => reads.some(({ name }) => settings[name] === undefined));
}

type Given = readonly [reads: readonly SettingRead[], value: string];

/** The commonest, one in between, a rare one, then others. Values of one table come from one row. */
async function combinationsOf({ client }: Lab, compared: readonly Unknown[]): Promise<readonly (readonly Given[])[]> {
  if (compared.length === 0) return [[]];
  const relations = new Map(compared.map((one) => [relationOf(one), (one.origin as ColumnOrigin).relation]));
  const perGroup: (readonly (readonly Given[])[])[] = [];
  for (const [relation, { schema, name }] of relations) {
    const group = compared.filter((one) => relationOf(one) === relation);
    const columns = group.map(({ origin }) => ({ name: (origin as ColumnOrigin).column }));
    const tuples = await sampledTuples(client, { schema, relation: name, columns });
    perGroup.push(spread(tuples).map((tuple) => group.map(({ reads }, place): Given => [reads, tuple[place] as string])));
  }
  const most = Math.min(TRIES, Math.max(...perGroup.map(({ length }) => length)));
  // a table without rows leads to no value
  return perGroup.some(({ length }) => length === 0)
    ? []
    : Array.from({ length: most }, (_, place) => perGroup.flatMap((group) => group[place % group.length] ?? []));
}

const relationOf = ({ origin }: Unknown): string => nameOf((origin as ColumnOrigin).relation);

function spread<T>(sorted: readonly T[]): readonly T[] {
  const first = new Set([0, sorted.length >> 1, sorted.length - 1].filter((place) => place >= 0));
  const places = [...first, ...[...sorted.keys()].filter((place) => !first.has(place))];
  return places.flatMap((place) => sorted.slice(place, place + 1));
}

/** What stands at a path is a part of a JSON document. */
function settingsOf(given: readonly Given[]): Readonly<Record<string, string>> {
  const plain = new Map<string, string>();
  const documents = new Map<string, Record<string, unknown>>();
  for (const [reads, value] of given) {
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
