/**
 * What PostgreSQL said of an error, without anything that may have come out of a row or a statement. Its messages quote values, and functions of users raise
 * whatever they like: so only sentences of PostgreSQL's own sources are repeated, with `…` where it put a name or a value in.
 * Source: src/backend of PostgreSQL 14 to 17; classes of SQLSTATEs from the manual, appendix A.
 */

export interface Said {
  readonly code: string;
  readonly message: string;
  /** Function of PostgreSQL's sources that reported it. */
  readonly routine?: string | undefined;
  /** Names of the catalogue, which PostgreSQL gives beside the message. */
  readonly constraint?: string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
}

/** Never empty; holds no value. In English: a server that speaks otherwise has only the class of the error said. */
export function saidWithoutValues({ code, message, routine, ...names }: Said): string {
  // RAISE may use any code, any words and any name
  if (routine === 'exec_stmt_raise') return RAISED;
  const known = sentenceOf(message);
  if (known === null) return classes[code.slice(0, 2)] ?? 'its words are left out, they may hold values';
  const { constraint, table, column } = names;
  // an index that is being built is no name of the user's on a lab
  const what = known.startsWith('could not create') ? undefined : (constraint ?? column);
  const where = [...(what === undefined ? [] : [what]), ...(table === undefined ? [] : [`of ${table}`])];
  return where.length === 0 ? known : `${known} (${where.join(' ')})`;
}

/** Names and values in quotes become `…`; a sentence that is none of the known ones is none at all, as one whose value held a quote. */
function sentenceOf(message: string): string | null {
  const masked = message.replaceAll(/"[^"]*"/g, '…');
  for (const pattern of sentences) {
    const found = pattern.exec(masked);
    if (found !== null) return (found[1] ?? masked) + (found[2] ?? '');
  }
  return null;
}

const RAISED = 'raised by a function of the database, whose words may hold values';

/** A first group is all that is repeated, with a second one behind it; without any it is the whole sentence. */
const sentences: readonly RegExp[] = [
  /^(?:duplicate key value|conflicting key value) violates (?:unique|exclusion) constraint …$/,
  /^could not create (?:unique index|exclusion constraint) …$/,
  /^null value in column … (?:of relation … )?violates not-null constraint$/,
  /^new row for relation … violates (?:check constraint …|partition constraint)$/,
  /^no partition of relation … found for row$/,
  /^new row violates row-level security policy(?: …)? for table …$/,
  /^new row violates check option for view …$/,
  /^(?:insert or update|update or delete) on table … violates foreign key constraint …(?: on table …)?$/,
  /^(permission denied for (?:table|view|schema|function|procedure|sequence|type|database|language|foreign server|column|relation|large object))\b/,
  /^(?:permission denied to set|unrecognized configuration) parameter …$/,
  /^(invalid input syntax for type [a-z ]+?)(?:: …)?$/,
  /^(invalid input value for enum)\b/,
  /^(invalid value for parameter …|malformed (?:array|record|range|multirange) literal): …$/,
  /^(?:smallint|integer|bigint|oid|date|time|timestamp|interval) out of range$/,
  /^value (?:… is out of range for type [a-z ]+|out of range: (?:overflow|underflow))$/,
  /^(?:numeric field overflow|value overflows numeric format|division by zero)$/,
  /^(date\/time field value out of range|interval field value out of range|invalid regular expression)(?:: .*)?$/,
  /^value too long for type [a-z ]+(?:\(\d+\))?$/,
  /^time zone … not recognized$/,
  /^cannot take (?:square root of a negative number|logarithm of (?:zero|a negative number))$/,
  /^more than one row returned by a subquery used as an expression$/,
  /^(?:ON CONFLICT DO UPDATE|MERGE) command cannot affect row a second time$/,
  /^(?:LIMIT|OFFSET) must not be negative$/,
  /^(?:wrong number of array subscripts|array subscript out of range|invalid escape string|LIKE pattern must not end with escape character)$/,
  /^query returned (?:no|more than one) rows?$/,
  /^(?:relation|column|schema|role|type|operator class|collation|extension|server) … does not exist$/,
  /^(function|operator|procedure|aggregate|column|type)(?: .*)?( does not exist)$/,
  /^syntax error at (?:or near …|end of input)$/,
  /^cannot insert multiple commands into a prepared statement$/,
  /^could not determine data type of parameter \$\d+$/,
  /^(?:currval of sequence … is|lastval is) not yet defined in this session$/,
  /^materialized view … has not been populated$/,
  /^cannot execute [A-Z ]+ in a read-only transaction$/,
  /^[A-Z ]+ cannot run inside a transaction block$/,
  /^cached plan must not change result type$/,
  /^(?:stack depth limit exceeded|out of shared memory|out of memory)$/,
  /^canceling statement due to (?:statement timeout|lock timeout|user request)$/,
  /^(index row) size \d+ (exceeds).*$/,
  /^(could not access file …|could not connect to server …)(?:: .*)?$/,
];

const classes: Readonly<Record<string, string>> = {
  '0A': 'a feature that is not supported',
  '21': 'another number of rows than allowed',
  '22': 'a value that does not fit',
  '23': 'a constraint is violated',
  '25': 'the state of the transaction does not allow it',
  '38': 'raised by an external function, whose words may hold values',
  '39': 'raised by an external function, whose words may hold values',
  '40': 'the transaction was rolled back',
  '42': 'a name, a type or a right that is missing, or its syntax',
  '53': 'a lack of resources',
  '54': 'a limit of PostgreSQL is exceeded',
  '55': 'an object is not in the state that this needs',
  '58': 'a fault of the system',
  HV: 'a foreign data wrapper',
  P0: RAISED,
  XX: 'an internal error of PostgreSQL',
};
