/** A word as any POSIX shell takes it, for commands that people copy: names of databases and restore points may hold anything. */
export const shellWord = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
