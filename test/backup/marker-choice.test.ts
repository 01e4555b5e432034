import { describe, expect, test } from 'vitest';
import { chooser } from '../../activities/backup/marker/choice.ts';
import type { SourceTable } from '../../activities/backup/marker/tables.ts';
import type { Equality, Marker } from '../../domain/backup/model.ts';
import { exampleFingerprint, exampleMarker } from './certificate-examples.ts';

const table = (needsText: boolean): SourceTable => ({
  ...{ schema: 'public', table: 'orders', oid: 7, roughBytes: 8192, needsText, columns: null, signature: 's', obstacle: null },
});
const earlier = (equality: Equality, textForm?: 'oids'): Marker =>
  exampleMarker({
    fingerprints: [exampleFingerprint('orders', { schema: 'public', oid: 7, equality })],
    changeKeys: { 7: 'same' },
    ...(textForm === undefined ? {} : { textForm }),
  });
const chosen = (previous: Marker, needsText: boolean) =>
  chooser({ policy: { mode: 'changed', sampleShare: 1 }, equality: 'hash', previous, changeKeys: { 7: 'same' }, totalBytes: 8192 })(table(needsText)).kind;

describe('what is carried over from the marker before', () => {
  test('a fingerprint by hash, whatever form that marker gave to text', () => {
    expect(chosen(earlier('hash'), false)).toBe('carry-over');
  });

  test('one by text only where it was made in the form of today', () => {
    expect(chosen(earlier('text', 'oids'), true)).toBe('carry-over');
    expect(chosen(earlier('text'), true)).toBe('read');
  });
});
