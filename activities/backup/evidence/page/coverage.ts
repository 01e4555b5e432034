/** What was compared, by bytes: one field per database, one cell per table; what was not compared is hatched and named. */

import type { CertificateBody } from '../../../../domain/backup/certificate-schema.ts';
import { plural, sayBytes, sayDuration, sayShare } from '../../../../domain/backup/certificate-words.ts';
import { type Html, html, px, shorten } from '../../../../domain/html.ts';
import { type Box, squarify } from './treemap.ts';

const FIELD: Box = { x: 0, y: 0, width: 880, height: 190 };
const HEAD = 19;
const NAMED_GAPS = 8;

interface Field {
  readonly name: string;
  readonly bytes: number;
  readonly cells: readonly { readonly name: string; readonly bytes: number }[];
  readonly covered: boolean;
  /** A fingerprint of this database was not equal. */
  readonly differs: boolean;
}

export function coverage(body: CertificateBody): Html {
  if (body.coverage.bytes === 0) return html`<p class="legend">Nothing was compared.</p>${gapList(body.coverage)}`;
  const fields = fieldsOf(body);
  const boxes = squarify(
    fields.map((field) => field.bytes),
    FIELD,
  );
  return html`<svg class="coverage" viewBox="0 0 ${FIELD.width} ${FIELD.height}" role="img" aria-label="${sayShare(body.coverage.share)} of the bytes were compared">
<defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="hatch" x1="0" x2="0" y1="0" y2="7"/></pattern></defs>
${fields.map((field, at) => fieldOf(field, boxes[at] ?? FIELD, at))}</svg>
<p class="legend">${legend(body)}</p>${gapList(body.coverage)}`;
}

function fieldsOf({ coverage, checks }: CertificateBody): Field[] {
  const differing = new Set(checks.filter((check) => check.name === 'fingerprints' && check.outcome === 'failed').map((check) => check.database));
  const names = [...new Set(coverage.largestTables.map((table) => table.database))];
  const fields = names.map((name): Field => {
    const cells = coverage.largestTables
      .filter((table) => table.database === name)
      .map((table) => ({ name: tableName(table), bytes: Math.max(1, table.bytes) }));
    return { name, cells, bytes: cells.reduce((sum, cell) => sum + cell.bytes, 0), covered: true, differs: differing.has(name) };
  });
  const listed = fields.reduce((sum, field) => sum + field.bytes, 0);
  const rest = coverage.bytesCovered - listed;
  if (rest > 0 && coverage.tablesNotListed > 0)
    fields.push({ name: plural(coverage.tablesNotListed, 'smaller table'), bytes: rest, cells: [], covered: true, differs: false });
  const missing = coverage.bytes - coverage.bytesCovered;
  if (missing > 0 || fields.length === 0)
    fields.push({ name: `not compared · ${sayBytes(Math.max(0, missing))}`, bytes: Math.max(1, missing), cells: [], covered: false, differs: false });
  return fields.sort((a, b) => b.bytes - a.bytes);
}

function toneOf(field: Field, at: number): string {
  if (!field.covered) return 'missing';
  return field.differs ? 'differs' : `tone-${at % 4}`;
}

function titleOf(field: Field, room: number): string {
  if (!field.covered) return field.name;
  const name = field.differs ? `${field.name} · differs` : field.name;
  const whole = `${name} · ${sayBytes(field.bytes)}`;
  return [...whole].length * 6.7 <= room ? whole : name;
}

const tableName = ({ schema, table }: { readonly schema: string; readonly table: string }) => (schema === 'public' ? table : `${schema}.${table}`);

function fieldOf(field: Field, box: Box, at: number): Html {
  const inner = { x: box.x + 2, y: box.y + HEAD, width: box.width - 4, height: box.height - HEAD - 2 };
  const hasRoom = box.width > 46 && box.height > HEAD + 8;
  const cells = field.covered && hasRoom ? cellsOf(field, inner) : [];
  return html`<g class="field ${toneOf(field, at)}"><title>${field.name}: ${sayBytes(field.bytes)}</title>
<rect class="ground" x="${px(box.x + 1)}" y="${px(box.y + 1)}" width="${px(Math.max(0.5, box.width - 2))}" height="${px(Math.max(0.5, box.height - 2))}" rx="3"/>
${field.covered ? '' : html`<rect class="hatched" x="${px(box.x + 1)}" y="${px(box.y + 1)}" width="${px(Math.max(0.5, box.width - 2))}" height="${px(Math.max(0.5, box.height - 2))}" rx="3"/>`}
${cells}${hasRoom ? text(titleOf(field, box.width - 14), [box.x + 8, box.y + 14], box.width - 14, 'field-name') : ''}</g>`;
}

function cellsOf(field: Field, inner: Box): Html[] {
  const boxes = squarify(
    field.cells.map((cell) => cell.bytes),
    inner,
  );
  return field.cells.map((cell, at) => {
    const box = boxes[at] ?? inner;
    const name = box.height > 16 && box.width > 34 ? text(cell.name, [box.x + 6, box.y + 15], box.width - 8, 'cell-name') : '';
    return html`<g><title>${cell.name}: ${sayBytes(cell.bytes)}</title><rect class="cell" x="${px(box.x + 0.75)}" y="${px(box.y + 0.75)}" width="${px(Math.max(0.3, box.width - 1.5))}" height="${px(Math.max(0.3, box.height - 1.5))}" rx="1.5"/>${name}</g>`;
  });
}

function text(words: string, [x, y]: readonly [number, number], room: number, kind: string): Html {
  const fits = Math.floor(room / (kind === 'field-name' ? 6.7 : 5.9));
  return fits < 3 ? html`` : html`<text class="${kind}" x="${px(x)}" y="${px(y)}">${shorten(words, fits)}</text>`;
}

function legend({ coverage, markers }: CertificateBody): string {
  const hashed = markers.reduce((sum, marker) => sum + marker.hashed, 0);
  const texts = markers.reduce((sum, marker) => sum + marker.texts, 0);
  const equality =
    coverage.tablesCovered === 0
      ? []
      : [hashed > 0 ? `${hashed} by the equality of their types` : '', texts > 0 ? `${texts} by their text form` : ''].filter((part) => part !== '');
  return [
    `${coverage.tablesCovered} of ${plural(coverage.tables, 'table')} in ${coverage.databasesCovered} of ${plural(coverage.databases, 'database')}`,
    `${sayBytes(coverage.bytesCovered)} of ${sayBytes(coverage.bytes)}`,
    ...(equality.length === 0 ? [] : [`compared: ${equality.join(', ')}`]),
    ...(coverage.tablesCovered === 0
      ? []
      : [
          coverage.oldestFingerprintMs > 0
            ? `oldest fingerprint ${sayDuration(coverage.oldestFingerprintMs)} before the moment`
            : 'every fingerprint taken at the marker',
        ]),
  ].join(' · ');
}

function gapList({ notCovered, notCoveredNotListed }: CertificateBody['coverage']): Html {
  if (notCovered.length === 0) return html``;
  const more = notCovered.length - NAMED_GAPS + notCoveredNotListed;
  return html`<ul class="not-covered">${notCovered
    .slice(0, NAMED_GAPS)
    .map(
      (gap) =>
        html`<li><b>${gap.database}${gap.object === null ? '' : html` · <span class="mono">${shorten(gap.object, 80)}</span>`}</b> ${gap.reason.replaceAll('-', ' ')}${gap.detail === '' ? '' : html`: ${shorten(gap.detail, 160)}`}</li>`,
    )}${more > 0 ? html`<li>and ${more} more, all in the JSON document</li>` : ''}</ul>`;
}
