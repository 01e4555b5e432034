/** Statements as they were sent, told apart into the statement of the workload that each one is and its values. */
import { setImmediate } from 'node:timers/promises';
import type { Statement } from '../../../domain/optimizer/model.ts';
import type { CapturedValues } from '../bind/bind.ts';
import { parameterTokens } from '../bind/edit.ts';
import type { Normalised } from '../workload/normalise.ts';
import { type SentStatement, shapeOf, takenApart, valuesSent } from '../workload/sent.ts';

/** Distinct sets of values kept for one statement. */
export const MAX_CAPTURED = 20;

export interface MatchedValues {
  readonly statement: string;
  readonly values: CapturedValues;
}

/** Different texts taken apart in one go, and of those that look alike: it is done in the worker's only thread. */
const MOST_TEXTS = 3_000;
const MOST_ALIKE = 2 * MAX_CAPTURED;
/** Statements between which heartbeats go out. */
const PORTION = 200;

/**
 * By queryid where the log tells it, else by the words of the text without its constants. One whose database is unknown counts where no other database
 * runs such a statement. Newest first; `sent` has the newest last. `parserReady()` must have been awaited.
 */
export async function matchedValues(sent: readonly SentStatement[], all: readonly Statement[], database: string): Promise<readonly MatchedValues[]> {
  const known = knownStatements(all, database);
  const apart = takenApartOnce();
  const found = new Map<string, Map<string, MatchedValues>>();
  for (const [place, one] of sent.toReversed().entries()) {
    if (place % PORTION === PORTION - 1) await setImmediate();
    const isElsewhere = one.database !== null && one.database !== database;
    const isUnknown = one.queryId !== null && !known.byId.has(one.queryId);
    const matched = isElsewhere || isUnknown ? null : match(one, known, apart);
    if (matched === null) continue;
    const kept = found.get(matched.statement) ?? new Map<string, MatchedValues>();
    if (kept.size < MAX_CAPTURED) kept.set(JSON.stringify(matched.values.values), matched);
    found.set(matched.statement, kept);
  }
  return [...found.values()].flatMap((kept) => [...kept.values()]);
}

interface Apart {
  readonly normal: Normalised;
  readonly shape: string;
}

/** A text that was sent often is taken apart once; null: it is of no use, or one too many. */
function takenApartOnce(): (text: string) => Apart | null {
  const known = new Map<string, Apart | null>();
  const alike = new Map<string, number>();
  return (text) => {
    const before = known.get(text);
    const outline = outlineOf(text);
    const number = alike.get(outline) ?? 0;
    if (before !== undefined || known.size >= MOST_TEXTS || number >= MOST_ALIKE) return before ?? null;
    alike.set(outline, number + 1);
    const { normal } = takenApart(text);
    const apart = normal === null ? null : { normal, shape: shapeOf(normal.text) };
    known.set(text, apart);
    return apart;
  };
}

/** So that one statement with ever new constants does not use up what is taken apart: a rough look, which decides nothing but that. */
const outlineOf = (text: string): string => text.slice(0, 2_000).replaceAll(/'[^']*'|\d+/g, '');

interface KnownStatement {
  readonly id: string;
  /** Highest number of its parameters. */
  readonly parameters: number;
}

interface Known {
  /** Statements of the database. */
  readonly byId: ReadonlyMap<string, KnownStatement>;
  readonly byShape: ReadonlyMap<string, KnownStatement>;
  /** Shapes of other databases' statements. */
  readonly foreign: ReadonlySet<string>;
}

function knownStatements(all: readonly Statement[], database: string): Known {
  const shapes = all.flatMap((statement) => {
    const { normal } = takenApart(statement.text);
    return normal === null ? [] : [{ statement, shape: shapeOf(normal.text) }];
  });
  const own = all.filter((statement) => statement.database === database).map(({ id, text }) => ({ id, parameters: countOf(text) }));
  const byId = new Map(own.map((statement) => [statement.id, statement]));
  return {
    byId,
    byShape: new Map(
      shapes.flatMap(({ statement, shape }) => {
        const found = statement.database === database ? byId.get(statement.id) : undefined;
        return found === undefined ? [] : [[shape, found] as const];
      }),
    ),
    foreign: new Set(shapes.filter(({ statement }) => statement.database !== database).map(({ shape }) => shape)),
  };
}

function match(sent: SentStatement, { byId, byShape, foreign }: Known, apartOf: (text: string) => Apart | null): MatchedValues | null {
  const apart = apartOf(sent.text);
  const values = apart === null ? null : valuesSent(apart.normal, sent.values);
  if (apart === null || values === null || (sent.database === null && foreign.has(apart.shape))) return null;
  const statement = (sent.queryId === null ? undefined : byId.get(sent.queryId)) ?? byShape.get(apart.shape);
  if (statement === undefined || statement.parameters !== values.values.length) return null;
  return { statement: statement.id, values };
}

/** Highest number of a text's parameters. */
const countOf = (text: string): number => Math.max(0, ...parameterTokens(text).map(({ number }) => number));
