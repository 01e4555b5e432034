/** How a value of a type lies in an index tuple. */

export interface Layout {
  readonly bytes: number;
  readonly align: 1 | 2 | 4 | 8;
  /** Rows differ in width. */
  readonly isVarying: boolean;
}

const fixed: Readonly<Record<string, Layout>> = {
  boolean: { bytes: 1, align: 1, isVarying: false },
  '"char"': { bytes: 1, align: 1, isVarying: false },
  smallint: { bytes: 2, align: 2, isVarying: false },
  integer: { bytes: 4, align: 4, isVarying: false },
  oid: { bytes: 4, align: 4, isVarying: false },
  date: { bytes: 4, align: 4, isVarying: false },
  real: { bytes: 4, align: 4, isVarying: false },
  bigint: { bytes: 8, align: 8, isVarying: false },
  'double precision': { bytes: 8, align: 8, isVarying: false },
  money: { bytes: 8, align: 8, isVarying: false },
  interval: { bytes: 16, align: 8, isVarying: false },
  uuid: { bytes: 16, align: 1, isVarying: false },
  name: { bytes: 64, align: 1, isVarying: false },
};

/** Below this a value carries one byte of length and needs no alignment. */
const SHORT_VARLENA = 127;

/** Of a type as format_type() says it, with the average width of pg_stats. char(n) is padded with blanks, numbers of one column are about as long as each other: neither varies. */
export function typeLayout(type: string, width: number): Layout {
  const known = fixed[type];
  if (known !== undefined) return known;
  if (/^(timestamp|time)\b/.test(type))
    return { bytes: type.startsWith('time(') || type.startsWith('time with') ? Math.max(8, width) : 8, align: 8, isVarying: false };
  // pg_stats rounds averages down; of numbers the fraction decides whether a tuple takes eight bytes more
  const isNumber = type.startsWith('numeric');
  return { bytes: isNumber ? width + 0.5 : width, align: width > SHORT_VARLENA ? 4 : 1, isVarying: !isNumber && !type.startsWith('character(') };
}

/** Whether nbtree may merge equal values of it (btequalimage, 13+); where unsure, no. Text under a nondeterministic collation is taken as deduplicable. */
export function isDeduplicable(type: string): boolean {
  return (
    /^(boolean|"char"|smallint|integer|bigint|oid|date|money|uuid|name|text|character|timestamp|time|inet|cidr|macaddr|bytea|bit|xid|pg_lsn)/.test(type) &&
    !type.endsWith('[]')
  );
}
