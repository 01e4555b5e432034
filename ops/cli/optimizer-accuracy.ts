/** `assay optimizer accuracy`. */
import type { Command } from 'commander';
import type { ShapeAccuracy } from '../../domain/optimizer/accuracy.ts';
import type { Paint } from './paint.ts';
import { plain } from './paint.ts';
import type { Runner } from './runner.ts';
import { table } from './table.ts';

export function addAccuracy(optimizer: Command, run: Runner): void {
  optimizer
    .command('accuracy')
    .summary('how much of the estimated gains was there when it was measured')
    .description(
      'For each way in which indexes changed a plan: statements measured, mean gain as the planner estimated it and as it was measured, how much of it was real, and by what later searches multiply such gains. Reads the control database.',
    )
    .argument('[cluster]', 'name of the cluster (default: all together)')
    .action(
      run<[string | undefined], object>(async ({ handlers, options }, [cluster]) => {
        const shapes = await handlers.accuracy(cluster === undefined ? {} : { cluster }, options);
        return { exit: 0, data: { shapes }, text: (paint) => accuracyText(shapes, paint) };
      }),
    );
}

export function accuracyText(shapes: readonly ShapeAccuracy[], paint: Paint): string {
  if (shapes.length === 0) return 'nothing was measured yet: `assay optimizer run CLUSTER` measures\n';
  const rows = shapes.map(({ shape, count, estimated, measured, realised, low, high, discount }) => [
    plain(shape),
    String(count),
    percent(estimated),
    percent(measured),
    realised === null ? '–' : `${realised.toFixed(2)}${low === null || high === null ? '' : ` (${low.toFixed(2)}–${high.toFixed(2)})`}`,
    discount < 1 ? paint.doubt(discount.toFixed(2)) : discount.toFixed(2),
  ]);
  const legend = 'REAL: measured gain / estimated gain, with its 95 % interval from three statements on. COUNTS: what a search multiplies such gains by.';
  return `${table(['PLAN CHANGE', 'STATEMENTS', 'ESTIMATED', 'MEASURED', 'REAL', 'COUNTS'], rows, paint)}\n\n${paint.dim(legend)}\n`;
}

const percent = (gain: number): string => `${(gain * 100).toFixed(1)} %`;
