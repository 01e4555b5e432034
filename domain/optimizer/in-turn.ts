/** Many questions, a few at a time: so that a deadline can be looked at between them. */

const AT_ONCE = 4;

/** Works on each item once; the first failure is thrown after those under way have ended. */
export async function inTurn<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const item = items[next] as T;
      next += 1;
      await work(item);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
}
