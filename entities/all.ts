/** The aggregates of the control database. */
import { BackupEntity } from './backup.ts';
import { CapturedValueEntity } from './captured-value.ts';
import { CertificateEntity } from './certificate.ts';
import { ClusterPolicyEntity } from './cluster-policy.ts';
import { ExperimentEntity } from './experiment.ts';
import { HygieneReportEntity, IndexUseEntity } from './hygiene.ts';
import { MarkerEntity, TableFingerprintEntity } from './marker.ts';
import { OptimizerDeedEntity, OptimizerLookEntity, OptimizerVerdictEntity } from './optimizer-apply.ts';
import { OptimizerRunEntity, OptimizerStatementEntity } from './optimizer-run.ts';
import { OptimizerSnapshotEntity } from './optimizer-snapshot.ts';
import { PinEntity } from './pin.ts';
import { ProofEntity } from './proof.ts';
import { RecommendationEntity } from './recommendation.ts';
import { RecommendationEventEntity } from './recommendation-event.ts';
import { SchemaVersionEntity } from './schema-version.ts';

/** Where Assay keeps what it knows; its own schema, so that the control database may be a cluster under Assay too. */
export const controlSchema = 'assay_control';

export const entities = [
  BackupEntity,
  CapturedValueEntity,
  CertificateEntity,
  ClusterPolicyEntity,
  MarkerEntity,
  TableFingerprintEntity,
  ExperimentEntity,
  HygieneReportEntity,
  IndexUseEntity,
  OptimizerDeedEntity,
  OptimizerLookEntity,
  OptimizerVerdictEntity,
  OptimizerRunEntity,
  OptimizerSnapshotEntity,
  OptimizerStatementEntity,
  PinEntity,
  ProofEntity,
  RecommendationEntity,
  RecommendationEventEntity,
  SchemaVersionEntity,
];
