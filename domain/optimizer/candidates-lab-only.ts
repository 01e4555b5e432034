/**
 * Indexes that what-if planning cannot judge, because HypoPG knows no GIN and no GiST: only building them on the lab tells. By what is searched, and in
 * what: where two kinds serve the same search both are named, and the lab chooses. Pure.
 */
import { btree, columnKey } from './index-sql.ts';
import type { IndexDefinition, IndexMethod, TableFacts } from './model.ts';
import type { RelationUse, Term } from './statement-shape.ts';

/** Trigrams need the extension pg_trgm; whether an expression's type has a default operator class, building it tells. */
export function labOnlyCandidates(use: RelationUse, table: TableFacts): IndexDefinition[] {
  const typeOf = ({ column }: Term) => table.columns.find(({ name }) => name === column)?.type ?? '';
  const isText = (term: Term) => term.column === null || /^(text|character|citext)/.test(typeOf(term));
  const texts = [
    ...use.patterns.filter(({ kind }) => kind !== 'prefix').map(({ term }) => term),
    ...use.searched.filter(({ operator }) => PATTERN_OPERATORS.has(operator)).map(({ term }) => term),
  ].filter(isText);
  const made = (method: IndexMethod, { column, expression }: Term, operatorClass: string | null): IndexDefinition => ({
    ...btree(use.table, []),
    method,
    keys: [{ ...columnKey(''), column, expression, operatorClass }],
  });
  const searched = use.searched.filter(({ term }) => !texts.includes(term));
  return [
    ...texts.map((term) => made('gin', term, TRIGRAMS)),
    ...searched.flatMap(({ term, operator }) => kindsFor(typeOf(term), operator).map(({ method, operatorClass }) => made(method, term, operatorClass))),
  ];
}

/** The operator class of pg_trgm, without its schema. */
export const TRIGRAMS = 'gin_trgm_ops';

const PATTERN_OPERATORS: ReadonlySet<string> = new Set(['~~*', '~', '~*']);

interface Kind {
  readonly method: IndexMethod;
  /** null: the type's default. */
  readonly operatorClass: string | null;
}

function kindsFor(type: string, operator: string): readonly Kind[] {
  const gin: Kind = { method: 'gin', operatorClass: null };
  const gist: Kind = { method: 'gist', operatorClass: null };
  // smaller, and quicker for what it can: containment and paths, no keys
  if (/^jsonb/.test(type)) return ['@>', '@?', '@@'].includes(operator) ? [{ method: 'gin', operatorClass: 'jsonb_path_ops' }, gin] : [gin];
  if (/(\[\]$|^tsvector|^hstore)/.test(type) || type === '') return [gin];
  if (/(range$|^point$|^box$|^polygon$|^circle$|^ltree|^cube|^geometry|^geography)/.test(type)) return [gist];
  return /^(inet|cidr)$/.test(type) ? [{ method: 'gist', operatorClass: 'inet_ops' }] : [];
}
