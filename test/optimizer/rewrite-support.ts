/** Rules and proofs on a real server: a statement, its other texts, and whether they give the same. */
import type pg from 'pg';
import { bindStatements } from '../../activities/optimizer/bind/bind.ts';
import { prepareUnits, type Unit } from '../../activities/optimizer/lab/execute.ts';
import { candidatesOf } from '../../activities/optimizer/rewrite/candidates.ts';
import { type Proven, provenEqual } from '../../activities/optimizer/rewrite/proof.ts';
import type { Binding } from '../../domain/optimizer/model.ts';

let number = 0;

/** The units of one statement with the binding machinery's own values. */
export async function unitsOf(client: pg.Client, text: string): Promise<readonly Unit[]> {
  number += 1;
  const { rows } = await client.query<{ name: string }>('select current_database() as name');
  const counts = { kind: 'select', calls: 10, totalMs: 1000, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 } as const;
  const { bound, notJudged } = await bindStatements(client, [{ id: `s-${number}`, database: rows[0]?.name ?? '', text, ...counts }], { maxBindings: 3 });
  const [only] = bound;
  if (only === undefined) throw new Error(JSON.stringify(notJudged));
  return prepareUnits(client, only, number);
}

/** What the rules make of it, by the rules' names. */
export async function textsOf(client: pg.Client, text: string): Promise<Readonly<Record<string, string>>> {
  const [unit] = await unitsOf(client, text);
  const found = unit === undefined ? null : await candidatesOf(client, unit);
  return Object.fromEntries((found?.candidates ?? []).map((each) => [each.rules.join('+'), each.text]));
}

/** Two texts with these values, each set of them a unit. */
export async function compared(
  client: pg.Client,
  { before, after, types = [], values = [[]] }: { before: string; after: string; types?: readonly string[]; values?: readonly (readonly (string | null)[])[] },
  { isOrdered = false, hangsOnTimeZone = false, timeoutMs = 5_000 }: { isOrdered?: boolean; hangsOnTimeZone?: boolean; timeoutMs?: number } = {},
): Promise<Proven> {
  number += 1;
  const counts = { kind: 'select', calls: 1, totalMs: 1, rows: 1, blocks: 0, tempBlocks: 0, walBytes: 0 } as const;
  const bindings = values.map((each): Binding => ({ source: 'synthetic', case: 'common', values: each }));
  const units = await prepareUnits(
    client,
    { statement: { id: 'x', database: 'x', text: before, ...counts }, text: before, parameterTypes: types, bindings },
    number,
  );
  return provenEqual(client, units, { before, after, isOrdered, hangsOnTimeZone }, { timeoutMs, signal: new AbortController().signal });
}

/** Every text the rules give for a statement, proven or not, by the rules' names. */
export async function provenTexts(client: pg.Client, text: string): Promise<Readonly<Record<string, Proven>>> {
  const units = await unitsOf(client, text);
  const found = units[0] === undefined ? null : await candidatesOf(client, units[0]);
  const proofs: Record<string, Proven> = {};
  for (const each of found?.candidates ?? []) {
    const texts = { before: found?.text ?? '', after: each.text, isOrdered: found?.isOrdered ?? false, hangsOnTimeZone: each.hangsOnTimeZone };
    proofs[each.rules.join('+')] = await provenEqual(client, units, texts, { timeoutMs: 5_000, signal: new AbortController().signal });
  }
  return proofs;
}
