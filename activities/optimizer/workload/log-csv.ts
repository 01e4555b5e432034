/** Records of a csvlog. A field in quotes may hold line breaks; a quote inside is doubled. */

/** What stands before the first whole record is left out, and an unfinished last one: a log is read from somewhere on, while it is written. */
export function csvRecords(log: string): readonly (readonly string[])[] {
  const start = log.search(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/m);
  if (start === -1) return [];
  const records: string[][] = [];
  let record: string[] = [];
  const field = /(?:"([^"]*(?:""[^"]*)*)"|([^",\n]*))(,|\r?\n|$)/y;
  field.lastIndex = start;
  while (field.lastIndex < log.length) {
    const match = field.exec(log);
    if (match === null || match[3] === '') break;
    record.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === ',') continue;
    records.push(record);
    record = [];
  }
  return records;
}
