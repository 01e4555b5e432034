/** Reading a file that a running child process still writes to. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const POLL_MS = 500;
const CHUNK_BYTES = 256 * 1024;

/** Hands each whole line to `onLine` as the file grows, from its beginning; `end` reads what is left and stops. The file need not exist yet. */
export function followLines(path: string, onLine: (line: string) => void): { readonly end: () => void } {
  let offset = 0;
  let rest = '';
  const read = () => {
    for (;;) {
      const chunk = readAt(path, offset, CHUNK_BYTES);
      if (chunk.length === 0) return;
      offset += chunk.length;
      // logs of child processes are latin text with the odd byte of a file name: a character cut in two only spoils that name
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    }
  };
  const timer = setInterval(read, POLL_MS);
  return {
    end: () => {
      clearInterval(timer);
      read();
      if (rest !== '') onLine(rest);
      rest = '';
    },
  };
}

/** The last bytes of a file as text; empty where there is none. */
export function tailOf(path: string, bytes: number): string {
  const size = sizeOf(path);
  return readAt(path, Math.max(0, size - bytes), bytes).toString();
}

function readAt(path: string, offset: number, bytes: number): Buffer {
  try {
    const file = openSync(path, 'r');
    try {
      const buffer = Buffer.alloc(bytes);
      return buffer.subarray(0, readSync(file, buffer, 0, bytes, offset));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    // not made yet, or already pruned: nothing to read
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

function sizeOf(path: string): number {
  try {
    const file = openSync(path, 'r');
    try {
      return fstatSync(file).size;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
