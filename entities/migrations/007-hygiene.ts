/** Version 7: since when each index of a source was seen and not read, and what a run found about the indexes that are there. */
import { Migration } from '@mikro-orm/migrations';

export class Hygiene extends Migration {
  override up(): void {
    for (const statement of statements) this.addSql(statement);
  }
}

const statements = [
  `create table assay_control.index_use (
     cluster text not null,
     database text not null,
     name text not null,
     digest text not null,
     first_seen_at timestamptz not null,
     used_at timestamptz,
     scans bigint not null,
     seen_at timestamptz not null,
     primary key (cluster, database, name))`,
  `create table assay_control.hygiene_report (
     run text primary key,
     cluster text not null,
     database text not null,
     at timestamptz not null,
     document jsonb not null)`,
  'create index on assay_control.hygiene_report (cluster, database, at)',
  'insert into assay_control.schema_version (version) values (7)',
];
