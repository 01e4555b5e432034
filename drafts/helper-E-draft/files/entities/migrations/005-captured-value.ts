/** Version 5: values that statements were really sent with, encrypted. */
import { Migration } from '@mikro-orm/migrations';

export class CapturedValue extends Migration {
  override up(): void {
    for (const statement of statements) this.addSql(statement);
  }
}

const statements = [
  `create table assay_control.captured_value (
     cluster text not null,
     database text not null,
     shape text not null,
     digest text not null,
     query_id text,
     captured_at timestamptz not null,
     key_id text not null,
     sealed text not null,
     primary key (cluster, database, shape, digest))`,
  'create index captured_value_age on assay_control.captured_value (cluster, captured_at)',
  'insert into assay_control.schema_version (version) values (5)',
];
