/** Version 3: looks at pg_stat_statements, so that a run can count what happened since another one. */
import { Migration } from '@mikro-orm/migrations';

export class OptimizerSnapshot extends Migration {
  override up(): void {
    for (const statement of statements) this.addSql(statement);
  }
}

const statements = [
  `create table assay_control.optimizer_snapshot (
     run text not null,
     place text not null check (place in ('begin', 'end')),
     cluster text not null,
     taken_at timestamptz not null,
     document jsonb not null,
     primary key (run, place))`,
  'create index optimizer_snapshot_newest on assay_control.optimizer_snapshot (cluster, taken_at desc)',
  'insert into assay_control.schema_version (version) values (3)',
];
