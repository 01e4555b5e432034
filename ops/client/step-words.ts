/** How far a step is, from its heartbeat. Pure. */

/** `without each of 3 index(es): 4 of 12, round 2 of 5`; null: the heartbeat does not say. Places are counted from one, as people do. */
export function stepWords(beat: Readonly<Record<string, unknown>>): string | null {
  const { what, done, total, round, rounds, percent, executions, explains, waitingFor } = beat;
  const words = [
    isCount(done) && isCount(total) && total > 0 ? `${Math.min(done + 1, total)} of ${total}` : null,
    isCount(round) && isCount(rounds) ? (round === 0 ? 'warming' : `round ${round} of ${rounds}`) : null,
    isCount(percent) ? `${percent} %` : null,
    isCount(executions) ? `${executions} executions` : null,
    isCount(explains) ? `${explains} plans` : null,
    typeof waitingFor === 'string' ? `waiting for ${waitingFor}` : null,
  ].filter((word) => word !== null);
  if (words.length === 0) return null;
  return `${typeof what === 'string' ? `${what}: ` : ''}${words.join(', ')}`;
}

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value) && value >= 0;
