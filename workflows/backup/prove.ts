/** A proof of one backup, on demand, after a backup, deep, or at a random moment. The recipe is in prove-recipe.ts. */
import { patched, uuid4 } from '@temporalio/workflow';
import type { MadeMarkers } from '../../activities/backup/steps/take.ts';
import type { Lsn } from '../../domain/backup/lsn.ts';
import type { ProofSummary } from '../../domain/backup/proof.ts';
import type { BackupProveInput } from '../../domain/backup/requests.ts';
import { policyOf, repositoryOf, requestKeyOf, surroundings } from './around.ts';
import { proveBackup, type Surroundings } from './prove-recipe.ts';
import { backupSteps } from './steps.ts';

export async function backupProve(input: BackupProveInput): Promise<ProofSummary> {
  const around = surroundings(`proof of ${input.backup ?? 'the newest backup'} of ${input.cluster}`);
  const policy = await policyOf(input);
  const steps = backupSteps(policy.host);
  const repository = repositoryOf(policy, input.repository);
  const depth = input.depth ?? 'plain';
  const level = input.level ?? 'content';
  const target = input.target ?? null;

  let archivedLsn = input.archivedLsn ?? null;
  let unmarked = input.unmarked;
  // a deep proof compares the text form too, which needs markers of its own; any other takes the newest there are
  const makeNewest = () =>
    unlessAway(around, async () => {
      if (level === 'content') {
        around.report('fingerprinting', 'tables of each database in one snapshot');
        ({ unmarked } = await orUnmarked(around, () => steps.makeMarkers({ policy, equality: depth === 'deep' ? 'text' : 'hash' })));
      }
      around.report('archiving', 'waiting for the WAL up to here');
      return (await steps.awaitArchived({ policy, repository })).lsn;
    });
  if (target === null && archivedLsn === null && !input.random) archivedLsn = await orDropped(around, makeNewest);
  const owner = requestKeyOf(undefined);
  // a workflow's Math.random is seeded by its run: a replay picks the same moment
  const randomShare = input.random ? Math.random() : null;
  const asked = { policy, proofId: uuid4(), owner, label: input.backup ?? null, repository, depth, level, target, archivedLsn, into: null, randomShare };
  const question = () => (unmarked === undefined ? asked : { ...asked, unmarked });
  try {
    return await proveBackup(steps, question(), around);
  } catch (error) {
    // right after the first backup no moment of the window can be compared yet: the one that is made comparable now is proven
    if (!input.random || around.faultOf(error)?.values?.missing !== 'marker' || !patched('random-makes-marker')) throw error;
    const madeTo = await orDropped(around, makeNewest);
    if (madeTo === null) throw error;
    return proveBackup(steps, { ...question(), archivedLsn: madeTo, randomShare: null }, around);
  }
}

/**
 * WAL that archive_command took and the repository never got is a fault of the backup's archive, not of the test: the proof aims at where it should
 * lead, finds that it does not, and says so in a certificate.
 */
export async function orDropped<T>(around: Surroundings, work: () => Promise<T>): Promise<T | Lsn> {
  try {
    return await work();
  } catch (error) {
    const dropped = around.faultOf(error)?.values?.dropped;
    if (typeof dropped !== 'string' || !patched('dropped-is-proven')) throw error;
    around.report('planning', 'archived WAL is not in the repository');
    return dropped;
  }
}

/** Transactions that leave no moment for a marker are no reason to leave a backup without a verdict: it lacks one, and says why. */
export async function orUnmarked(
  around: Surroundings,
  make: () => Promise<MadeMarkers>,
): Promise<Pick<MadeMarkers, 'markers'> & { readonly unmarked: string | undefined }> {
  try {
    return { markers: (await make()).markers, unmarked: undefined };
  } catch (error) {
    const fault = around.faultOf(error);
    if (fault?.code !== 'marker-busy' || !patched('unmarked-is-judged')) throw error;
    return { markers: [], unmarked: `${fault.message}: ${fault.values?.ways ?? ''}` };
  }
}

/** A proof needs no living source: where it does not answer, the newest markers whose WAL was archived serve. */
async function unlessAway(around: Surroundings, work: () => Promise<Lsn>): Promise<Lsn | null> {
  try {
    return await work();
  } catch (error) {
    if (around.faultOf(error)?.code !== 'cluster-unreachable') throw error;
    around.report('planning', 'the source does not answer: what it archived is proven');
    return null;
  }
}
