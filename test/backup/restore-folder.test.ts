import { expect, test } from 'vitest';
import { assertRestoreFolder } from '../../domain/backup/restore-folder.ts';

test.each(['/srv/restored', '/r', '/srv/before the incident/ü'])('%j can be restored into', (into) => {
  expect(() => assertRestoreFolder(into)).not.toThrow();
});

test.each(['/', '', 'srv', '/srv/', '/srv//r', '/srv/../r', '/srv/.', "/srv/it's", '/srv/$HOME', '/srv/%p', '/srv/a\nb', '/srv/"r"', '/srv/`r`', '/srv/\\'])(
  '%j is refused',
  (into) => {
    expect(() => assertRestoreFolder(into)).toThrow(expect.objectContaining({ code: 'usage' }));
  },
);
