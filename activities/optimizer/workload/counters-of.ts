import { isAssayError } from '../../../domain/errors.ts';

/**
 * The counters are the whole cluster's: any database that has the extension shows them, so the connection's own is read where the asked one has none.
 * Where that one cannot be read either, what is missing in the asked one is told.
 */
export async function countersOf<T>({ asked, own }: { readonly asked: string; readonly own: string }, read: (database: string) => Promise<T>): Promise<T> {
  try {
    return await read(asked);
  } catch (error) {
    if (!isAssayError(error, 'statements-missing') || asked === own) throw error;
    return read(own).catch(() => {
      throw error;
    });
  }
}
