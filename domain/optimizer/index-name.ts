/** What names of new objects end in, and how they are cut to what PostgreSQL keeps of a name. Pure. */

/** FNV-1a, 32 bit: names need no more, equality goes by the whole text. */
export function digest(text: string): string {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
}

/** As many whole characters as fit into so many bytes of UTF-8. */
export function firstBytes(text: string, limit: number): string {
  let bytes = 0;
  let kept = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes > limit) break;
    kept += character;
  }
  return kept;
}
