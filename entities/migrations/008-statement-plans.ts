/** Version 8: plans of statements without and with a recommended set; when the guard said what. */
import { Migration } from '@mikro-orm/migrations';

export class StatementPlans extends Migration {
  override up(): void {
    for (const statement of statements) this.addSql(statement);
  }
}

const statements = [
  `create table assay_control.recommendation_plans (
     recommendation text primary key references assay_control.recommendation on delete cascade,
     document jsonb not null)`,
  'alter table assay_control.optimizer_verdict add column at timestamptz not null default now()',
  'insert into assay_control.schema_version (version) values (8)',
];
