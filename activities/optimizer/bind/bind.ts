/** Statements of a workload made fit to be planned on the lab: a text that PREPARE takes, and values. Each was really planned before it counts. */
import type pg from 'pg';
import { steadyConstants } from '../../../domain/optimizer/constants-sent.ts';
import type { Binding, Bound, NotJudged, NotJudgedReason, Statement } from '../../../domain/optimizer/model.ts';
import { type ParameterFacts, syntheticBindings } from '../../../domain/optimizer/synthetic.ts';
import { relationsOf } from '../workload/classify.ts';
import { conflictValues } from './conflict.ts';
import { withJointValues } from './joint.ts';
import { plannedBindings } from './plan.ts';
import { isRefused, makePreparable, type Prepared } from './prepare.ts';
import type { SeeingSession } from './sessions-that-see.ts';
import { type LabCatalogue, labCatalogue } from './statistics.ts';
import { isFault, type Parsed, parseOne, parserReady } from './tree.ts';
import { type Usage, usagesOf } from './usage.ts';
import { type RoleBook, roleBook, type WhoRan } from './who-ran.ts';

/** Values that were really sent, in PostgreSQL's text form, by the statement's own parameter numbers. */
export interface CapturedValues {
  readonly values: readonly (string | null)[];
  /** By parameter number − 1; null: as the server infers it. */
  readonly types: readonly (string | null)[];
}

export interface BindOptions {
  /** At most so many bindings for a statement, captured ones first. */
  readonly maxBindings: number;
  /** By statement id. */
  readonly captured?: ReadonlyMap<string, readonly CapturedValues[]>;
  /** Each as the role that ran it; the session must be a superuser's. Default false: as the session's own role. */
  readonly asWhoRan?: boolean;
}

export interface BoundWorkload {
  readonly bound: readonly Bound[];
  readonly notJudged: readonly NotJudged[];
  /** What the plans cannot show, for people. */
  readonly notices: readonly string[];
}

/**
 * Binds every statement of the session's database. The session is a superuser's on the lab; its settings are put back.
 * Nothing is executed: statements are prepared, and planned inside transactions that are rolled back.
 */
export async function bindStatements(client: pg.Client, statements: readonly Statement[], options: BindOptions): Promise<BoundWorkload> {
  await parserReady();
  const { rows } = await client.query<{ database: string; now: string }>('/* assay optimizer */ select current_database() as database, now()::text as now');
  const { database, now } = rows[0] as { database: string; now: string };
  const catalogue = labCatalogue(client);
  const roles = options.asWhoRan ? roleBook(client, catalogue) : null;
  const notices = new Set<string>();
  const results: (Bound | NotJudged)[] = [];
  // the server's answers are read in one language, where the role may choose it: `explain` comes here as no superuser
  const { rowCount: isChosen } = await client.query(
    `/* assay optimizer */ select set_config('lc_messages', 'C', false) from pg_roles where rolname = current_user and rolsuper`,
  );
  try {
    for (const statement of statements) {
      const isHere = statement.database === database;
      results.push(
        isHere ? await bindOne({ client, catalogue, statement, options, now, roles, notices }) : notJudged(statement, 'other-database', statement.database),
      );
    }
  } finally {
    if (isChosen) await client.query('reset lc_messages').catch(() => {});
  }
  return {
    bound: results.filter((result) => 'text' in result),
    notJudged: results.filter((result) => 'reason' in result),
    notices: [...notices].sort(),
  };
}

interface Work {
  readonly client: pg.Client;
  readonly catalogue: LabCatalogue;
  readonly statement: Statement;
  readonly options: BindOptions;
  readonly now: string;
  readonly roles: RoleBook | null;
  readonly notices: Set<string>;
}

const notJudged = (statement: Statement, reason: NotJudgedReason, detail: string): NotJudged => ({ statement: statement.id, reason, detail });

async function bindOne(work: Work): Promise<Bound | NotJudged> {
  const { client, catalogue, statement, options } = work;
  const captured = options.captured?.get(statement.id) ?? [];
  const prepared = await makePreparable(client, { text: statement.text, types: typesOf(captured), isNested: statement.isNested ?? false });
  if (isRefused(prepared)) return notJudged(statement, prepared.reason, prepared.detail);
  const parsed = parseOne(prepared.text);
  if (isFault(parsed)) return notJudged(statement, parsed.reason, parsed.detail);
  const foreign = await relationsMet(work, parsed);
  if (foreign !== null) return notJudged(statement, 'no-plan', `it reads the foreign table ${foreign}, which has no data on the lab`);
  const who = (await work.roles?.ask(statement, parsed)) ?? sessionItself;
  if ('refused' in who) return notJudged(statement, 'row-security', who.refused);
  const usages = usagesOf(parsed, (schema, name) => catalogue.find(schema, name));
  const uses = prepared.types.map((_, index) => usages.get(index + 1));
  const known = new Map([...prepared.draft.known, ...(await conflictValues(client, parsed, catalogue))]);
  const facts: ParameterFacts[] = [];
  for (const [index, type] of prepared.types.entries()) {
    facts.push(await factsOf(catalogue, { type, usage: uses[index], known: known.get(index + 1) }));
  }
  const planned = await plannedAs(work, { prepared, captured, facts, usages: uses, who });
  if ('detail' in planned) return notJudged(statement, 'no-plan', planned.detail);
  for (const notice of who.notices) work.notices.add(notice);
  const guards = who.guards.length === 0 ? {} : { guards: who.guards };
  // of all that were captured: those measured with are the newest few
  const constants = steadyConstants(realBindings(prepared, { captured, facts }));
  return {
    ...{ statement, text: prepared.text, parameterTypes: prepared.types, bindings: planned.bindings, ...guards },
    ...(constants.size === 0 ? {} : { constants }),
  };
}

const sessionItself: WhoRan = { as: [null], guards: [], notices: [] };

interface Wanted {
  readonly prepared: Prepared;
  readonly captured: readonly CapturedValues[];
  readonly facts: readonly ParameterFacts[];
  readonly usages: readonly (Usage | undefined)[];
  readonly who: WhoRan;
}

/** Values for each of those who ran it, in turn; as many as are asked for, of all together. */
async function plannedAs({ client, options: { maxBindings }, now }: Work, { prepared, captured, facts, usages, who }: Wanted) {
  const isGuarded = who.notices.length > 0;
  const lists: (readonly Binding[])[] = [];
  for (const session of who.as) {
    const owned = session === null ? facts : facts.map((fact) => ofSession(fact, session));
    const joined = await withJointValues(client, { facts: owned, usages, as: isGuarded ? session?.as : undefined });
    const wanted = wantedBindings(prepared, { captured: session?.isMadeUp ? [] : captured, facts: joined, maxBindings, now });
    // a statement that needs no values rests on its session's
    const ofWhat = session?.isMadeUp ? ({ source: 'synthetic', case: 'common' } as const) : {};
    lists.push(session === null ? wanted : wanted.map((binding) => ({ ...binding, ...(binding.source === 'captured' ? ofWhat : {}), as: session.as })));
  }
  const wanted = inTurn(lists).slice(0, maxBindings);
  const planned = await plannedBindings(client, prepared, { wanted, as: who.as[0]?.as });
  if ('bindings' in planned || isGuarded || !planned.isForbidden) return planned;
  // a right was taken from the role since; nothing hides rows from it, so that a superuser's plan is its own
  return plannedBindings(client, prepared, { wanted: wanted.map(({ as: _, ...binding }) => binding) });
}

/** A tenant asks for, and writes, what is its own. */
function ofSession(fact: ParameterFacts, { own }: SeeingSession): ParameterFacts {
  const value = own.get(fact.column ?? '');
  const isOwn = value !== undefined && ['equal', 'inserted', 'written'].includes(fact.use) && !fact.type.endsWith('[]');
  return isOwn && fact.known === null ? { ...fact, known: value } : fact;
}

/** The first of each as the second of the second: with three who ran it, each case of values is met once. */
function inTurn(lists: readonly (readonly Binding[])[]): readonly Binding[] {
  const most = Math.max(...lists.map(({ length }) => length));
  const turns = Array.from({ length: most }, (_, turn) => lists.flatMap((list, place) => list[(turn + place) % Math.max(1, list.length)] ?? []));
  return turns.flat();
}

/** Learns the relations of a statement; gives the name of a foreign table among them. */
async function relationsMet({ catalogue }: Work, parsed: Parsed): Promise<string | null> {
  const met = await catalogue.load(relationsOf(parsed));
  return met.find(({ kind }) => kind === 'f')?.name ?? null;
}

async function factsOf(
  catalogue: LabCatalogue,
  { type, usage, known }: { type: string; usage: Usage | undefined; known: string | undefined },
): Promise<ParameterFacts> {
  const origin = usage?.origin ?? null;
  const { base, labels } = await catalogue.type(type);
  return {
    type: base,
    use: usage?.use ?? 'other',
    column: origin === null ? null : `${origin.relation.schema}.${origin.relation.name}.${origin.column}`,
    sample: origin === null ? null : await catalogue.sample(origin),
    labels,
    known: known ?? null,
    joint: null,
  };
}

/** Captured values first, then made ones; none where only the generic plan is left. */
function wantedBindings(
  prepared: Prepared,
  {
    captured,
    facts,
    maxBindings,
    now,
  }: { captured: readonly CapturedValues[]; facts: readonly ParameterFacts[] } & Pick<BindOptions, 'maxBindings'> & Pick<Work, 'now'>,
): readonly Binding[] {
  // nothing was left out of the text: it is what ran
  if (facts.length === 0) return [{ source: 'captured', case: 'captured', values: [] }];
  const real = realBindings(prepared, { captured, facts });
  const made = syntheticBindings(facts, { maxBindings, now }) ?? [];
  return [...real, ...made].slice(0, maxBindings);
}

const realBindings = (prepared: Prepared, { captured, facts }: Pick<Wanted, 'captured' | 'facts'>): readonly Binding[] =>
  captured.map(({ values }) => ({
    source: 'captured',
    case: 'captured',
    values: prepared.draft.origins.map((origin, index) => (origin === null ? (facts[index]?.known ?? null) : (values[origin - 1] ?? null))),
  }));

function typesOf(captured: readonly CapturedValues[]): ReadonlyMap<number, string> {
  const [first] = captured;
  return new Map((first?.types ?? []).flatMap((type, index) => (type === null ? [] : [[index + 1, type] as const])));
}
