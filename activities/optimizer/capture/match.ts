/** Statements as they were sent, told apart into the statement of the workload that each one is and its values. */
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

/** Different texts taken apart in one go: it is done in the worker's only thread. */
const MOST_TEXTS = 5_000;

/**
 * By queryid where the log tells it, else by the words of the text without its constants. One whose database is unknown counts where no other database
 * runs such a statement. Newest first; `sent` has the newest last. `parserReady()` must have been awaited.
 */
export function matchedValues(sent: readonly SentStatement[], all: readonly Statement[], database: string): readonly MatchedValues[] {
  const known = knownStatements(all, database);
  const apart = takenApartOnce();
  const found = new Map<string, Map<string, MatchedValues>>();
  for (const one of sent.toReversed()) {
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

/** A statement that was sent often is taken apart once; null: it is of no use, or one too many. */
function takenApartOnce(): (text: string) => Apart | null {
  const known = new Map<string, Apart | null>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined || known.size >= MOST_TEXTS) return before ?? null;
    const { normal } = takenApart(text);
    const apart = normal === null ? null : { normal, shape: shapeOf(normal.text) };
    known.set(text, apart);
    return apart;
  };
}

interface Known {
  /** Statements of the database. */
  readonly byId: ReadonlyMap<string, Statement>;
  readonly byShape: ReadonlyMap<string, Statement>;
  /** Shapes of other databases' statements. */
  readonly foreign: ReadonlySet<string>;
}

function knownStatements(all: readonly Statement[], database: string): Known {
  const shapes = all.flatMap((statement) => {
    const { normal } = takenApart(statement.text);
    return normal === null ? [] : [{ statement, shape: shapeOf(normal.text) }];
  });
  const own = shapes.filter(({ statement }) => statement.database === database);
  return {
    byId: new Map(all.filter((statement) => statement.database === database).map((statement) => [statement.id, statement])),
    byShape: new Map(own.map(({ statement, shape }) => [shape, statement])),
    foreign: new Set(shapes.filter(({ statement }) => statement.database !== database).map(({ shape }) => shape)),
  };
}

function match(sent: SentStatement, { byId, byShape, foreign }: Known, apartOf: (text: string) => Apart | null): MatchedValues | null {
  const apart = apartOf(sent.text);
  const values = apart === null ? null : valuesSent(apart.normal, sent.values);
  if (apart === null || values === null || (sent.database === null && foreign.has(apart.shape))) return null;
  const statement = (sent.queryId === null ? undefined : byId.get(sent.queryId)) ?? byShape.get(apart.shape);
  if (statement === undefined || countOf(statement.text) !== values.values.length) return null;
  return { statement: statement.id, values };
}

/** Highest number of a text's parameters. */
const countOf = (text: string): number => Math.max(0, ...parameterTokens(text).map(({ number }) => number));
