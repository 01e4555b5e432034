/** Version 5: what statements without a verdict did; values that statements were really sent with, encrypted. */
import { Migration } from '@mikro-orm/migrations';

export class CapturedValue extends Migration {
  override up(): void {
    for (const statement of statements) this.addSql(statement);
  }
}

const statements = [
  'alter table assay_control.optimizer_statement add column counts jsonb',
  // one whose values or plan cannot be had keeps what it did and its normalised text
  'alter table assay_control.optimizer_statement drop constraint optimizer_statement_check',
  'alter table assay_control.optimizer_statement add constraint optimizer_statement_check check (statement is not null or reason is not null)',
  `create table assay_control.captured_value (
     cluster text not null,
     database text not null,
     statement text not null,
     digest text not null,
     captured_at timestamptz not null,
     expires_at timestamptz not null,
     sealed text not null,
     primary key (cluster, database, statement, digest))`,
  'create index captured_value_expiry on assay_control.captured_value (expires_at)',
  'insert into assay_control.schema_version (version) values (5)',
];
