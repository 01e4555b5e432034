/** How far two orders agree: Spearman's rho and Kendall's tau-b, 1 the same order, −1 the reverse. Pure. */

/** Ties share the mean of their places. */
export function spearman(one: readonly number[], other: readonly number[]): number {
  return correlation(ranks(one), ranks(other));
}

export function kendall(one: readonly number[], other: readonly number[]): number {
  let [sum, ones, others] = [0, 0, 0];
  for (const [place, value] of one.entries()) {
    for (let before = 0; before < place; before += 1) {
      const a = Math.sign(value - (one[before] as number));
      const b = Math.sign((other[place] as number) - (other[before] as number));
      sum += a * b;
      ones += a * a;
      others += b * b;
    }
  }
  return sum / Math.sqrt(ones * others);
}

function ranks(values: readonly number[]): number[] {
  const sorted = values.toSorted((a, b) => a - b);
  return values.map((value) => (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2);
}

function correlation(one: readonly number[], other: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [a, b] = [mean(one), mean(other)];
  const spread = (values: readonly number[], middle: number) => Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0));
  const together = one.reduce((sum, value, place) => sum + (value - a) * ((other[place] as number) - b), 0);
  return together / (spread(one, a) * spread(other, b));
}
