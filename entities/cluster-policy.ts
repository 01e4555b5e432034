/** The policy of a cluster as `assay apply` last stored it. Secrets in it are references. */
import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { ClusterPolicy } from '../domain/policy.ts';

export const ClusterPolicyEntity = defineEntity({
  name: 'ClusterPolicy',
  tableName: 'cluster_policy',
  properties: {
    cluster: p.text().primary(),
    environment: p.text(),
    host: p.text(),
    policy: p.json<ClusterPolicy>(),
    appliedAt: p.datetime(),
  },
});
export type ClusterPolicyEntity = InferEntity<typeof ClusterPolicyEntity>;
