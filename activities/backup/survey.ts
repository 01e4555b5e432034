/** What lies in a repository, put together once: backups, segments, the restorable window. */

import type { ArchivedSegment, RepositoryInfo, TimelineHistory } from '../../domain/backup/model.ts';
import { segmentBytesOf } from '../../domain/backup/segment-size.ts';
import { type RestorableWindow, restorableWindow } from '../../domain/backup/window.ts';
import type { ClusterPolicy } from '../../domain/policy.ts';
import type { BackupDependencies, SourceState } from './ports.ts';

export interface Survey {
  readonly info: RepositoryInfo;
  readonly window: RestorableWindow;
  readonly histories: readonly TimelineHistory[];
  /** null where the source does not answer: a cold start needs none. */
  readonly source: SourceState | null;
  readonly segmentBytes: number;
  /** Every segment in the repository. */
  readonly segments: readonly ArchivedSegment[];
}

export async function surveyRepository(deps: Pick<BackupDependencies, 'engineFor' | 'source'>, policy: ClusterPolicy, repository: number): Promise<Survey> {
  const engine = deps.engineFor(policy);
  // the source first: what it has written since then is no gap
  const source = await deps.source.state(policy).catch(() => null);
  const [info, segments, histories] = await Promise.all([engine.info(repository), engine.archive(repository), engine.timelines(repository)]);
  const segmentBytes = source?.segmentBytes ?? segmentBytesOf(info.backups);
  const window = restorableWindow({
    backups: info.backups,
    segments,
    histories,
    segmentBytes,
    source: source === null ? null : { timeline: source.timeline, lsn: source.insertLsn, now: source.now },
  });
  return { info, window, histories, source, segmentBytes, segments };
}
