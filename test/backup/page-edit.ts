/** Changing bytes of a data file as a failing disk or a faulty controller would: with or without a checksum that fits. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

const PAGE_BYTES = 8192;
const SUMS = 32;
const PRIME = 16777619;
const OFFSETS = [
  0x5b1f36e9, 0xb8525960, 0x02ab50aa, 0x1de66d2a, 0x79ff467a, 0x9bb9f8a3, 0x217e7cd2, 0x83e13d2c, 0xf8d4474f, 0xe39eb970, 0x42c6ae16, 0x993216fa, 0x7b093b5d,
  0x98daff3c, 0xf718902a, 0x0b1c9cdb, 0xe58f764b, 0x187636bc, 0x5d7b3bb1, 0xe73de7de, 0x92bec979, 0xcca6c0b2, 0x304a0979, 0x85aa43d4, 0x783125bb, 0x6ca8eaa2,
  0xe407eac6, 0x4b5cfc3e, 0x9fbf8c76, 0x15ca20be, 0xf2ca9fd3, 0x959bd756,
];

/** Reads one page, hands it to `edit`, writes it back; `fix` gives it a checksum that fits, as if it had been written so. */
export function editPage(file: string, block: number, fix: boolean, edit: (page: Buffer) => void): void {
  const handle = openSync(file, 'r+');
  try {
    const page = Buffer.alloc(PAGE_BYTES);
    readSync(handle, page, 0, PAGE_BYTES, block * PAGE_BYTES);
    edit(page);
    if (fix) page.writeUInt16LE(checksum(page, block), 8);
    writeSync(handle, page, 0, PAGE_BYTES, block * PAGE_BYTES);
  } finally {
    closeSync(handle);
  }
}

/** pg_checksum_page of checksum_impl.h: a parallel FNV-1a over the page with its own checksum field taken as zero. */
export function checksum(page: Buffer, block: number): number {
  const copy = Buffer.from(page);
  copy.writeUInt16LE(0, 8);
  const sums = OFFSETS.map((offset) => offset >>> 0);
  const mix = (sum: number, value: number) => {
    const mixed = (sum ^ value) >>> 0;
    return (Math.imul(mixed, PRIME) ^ (mixed >>> 17)) >>> 0;
  };
  for (let at = 0; at < PAGE_BYTES; at += SUMS * 4) {
    for (let lane = 0; lane < SUMS; lane += 1) sums[lane] = mix(sums[lane] ?? 0, copy.readUInt32LE(at + lane * 4));
  }
  for (let round = 0; round < 2; round += 1) for (let lane = 0; lane < SUMS; lane += 1) sums[lane] = mix(sums[lane] ?? 0, 0);
  const folded = sums.reduce((all, sum) => (all ^ sum) >>> 0, 0);
  return (((folded ^ block) >>> 0) % 65535) + 1;
}
