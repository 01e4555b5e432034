/** Areas in proportion to sizes, as square as may be. Source: Bruls, Huizing, van Wijk, "Squarified Treemaps", 2000. */

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** One box per size, in the same order; sizes must be > 0 and descending for good shapes. */
export function squarify(sizes: readonly number[], into: Box): Box[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total <= 0 || into.width <= 0 || into.height <= 0) return sizes.map(() => ({ ...into, width: 0, height: 0 }));
  const areas = sizes.map((size) => (size / total) * into.width * into.height);
  const boxes: Box[] = [];
  let rest = into;
  let row: number[] = [];
  for (const area of areas) {
    const side = Math.min(rest.width, rest.height);
    if (row.length > 0 && worst([...row, area], side) > worst(row, side)) {
      rest = layRow(row, rest, boxes);
      row = [];
    }
    row.push(area);
  }
  if (row.length > 0) layRow(row, rest, boxes);
  return boxes;
}

/** Largest ratio of a row's boxes along a side. */
function worst(row: readonly number[], side: number): number {
  const sum = row.reduce((total, area) => total + area, 0);
  return Math.max((side * side * Math.max(...row)) / (sum * sum), (sum * sum) / (side * side * Math.min(...row)));
}

/** Lays a row along the shorter side; gives what is left. */
function layRow(row: readonly number[], rest: Box, boxes: Box[]): Box {
  const sum = row.reduce((total, area) => total + area, 0);
  const upright = rest.width >= rest.height;
  const thickness = sum / (upright ? rest.height : rest.width);
  let offset = 0;
  for (const area of row) {
    const length = area / thickness;
    boxes.push(
      upright ? { x: rest.x, y: rest.y + offset, width: thickness, height: length } : { x: rest.x + offset, y: rest.y, width: length, height: thickness },
    );
    offset += length;
  }
  return upright
    ? { x: rest.x + thickness, y: rest.y, width: Math.max(0, rest.width - thickness), height: rest.height }
    : { x: rest.x, y: rest.y + thickness, width: rest.width, height: Math.max(0, rest.height - thickness) };
}
