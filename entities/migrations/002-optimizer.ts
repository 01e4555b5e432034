/** Version 2: runs, statements, experiments and recommendations of the optimizer. */
import { Migration } from '@mikro-orm/migrations';

export class Optimizer extends Migration {
  override up(): void {
    for (const statement of statements) this.addSql(statement);
  }
}

const statements = [
  `create table assay_control.optimizer_run (
     id text primary key,
     cluster text not null,
     database text not null,
     owner text not null,
     source text not null check (source in ('pg_stat_statements', 'files')),
     started_at timestamptz not null,
     settings jsonb not null,
     notices jsonb not null,
     finalists jsonb)`,
  'create index optimizer_run_newest on assay_control.optimizer_run (cluster, database, started_at desc)',
  `create table assay_control.optimizer_statement (
     run text not null references assay_control.optimizer_run on delete cascade,
     position integer not null,
     id text not null,
     statement jsonb,
     reason text,
     detail text,
     primary key (run, position),
     check ((statement is null) = (reason is not null)))`,
  `create table assay_control.experiment (
     id text primary key,
     run text not null references assay_control.optimizer_run on delete cascade,
     proof text not null,
     measured_at timestamptz not null,
     document jsonb not null,
     decision jsonb not null)`,
  'create index experiment_of_run on assay_control.experiment (run)',
  `create table assay_control.recommendation (
     id text primary key,
     run text not null references assay_control.optimizer_run,
     cluster text not null,
     database text not null,
     state text not null check (state in ('proposed', 'approved', 'refused', 'applied', 'kept', 'rolled-back')),
     created_at timestamptz not null,
     document jsonb not null)`,
  'create index recommendation_newest on assay_control.recommendation (cluster, created_at desc)',
  'insert into assay_control.schema_version (version) values (2)',
];
