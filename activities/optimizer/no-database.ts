import { AssayError, isAssayError } from '../../domain/errors.ts';
import { faultOf } from '../pg-errors.ts';

/** usage for a database that was asked for by name and is not there: nothing is wrong with the cluster's connection, and trying again finds none either. null for any other error. */
export function noDatabase(error: unknown, { cluster, database }: { readonly cluster: string; readonly database: string }): AssayError | null {
  if (isAssayError(error) || faultOf(error) !== 'database-missing') return null;
  return new AssayError('usage', {
    reason: `cluster ${cluster} has no database ${database}`,
    hint: 'name one that is there: CLUSTER/DATABASE, in capitals where its name has them',
  });
}
