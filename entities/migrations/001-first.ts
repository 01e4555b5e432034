/** Version 1: everything the backup agent knows. */
import { Migration } from '@mikro-orm/migrations';

export class First extends Migration {
  override up(): void {
    for (const statement of statements) this.addSql(statement);
  }
}

const statements = [
  `create table assay_control.schema_version (
     version integer primary key,
     migrated_at timestamptz not null default now())`,
  `create table assay_control.cluster_policy (
     cluster text primary key,
     environment text not null,
     host text not null,
     policy jsonb not null,
     applied_at timestamptz not null)`,
  `create table assay_control.backup (
     cluster text not null,
     repository integer not null,
     label text not null,
     type text not null,
     stopped_at timestamptz not null,
     request_key text,
     record jsonb not null,
     primary key (cluster, repository, label))`,
  `create table assay_control.marker (
     id text primary key,
     cluster text not null,
     database text not null,
     lsn pg_lsn not null,
     at timestamptz not null,
     head jsonb not null,
     digest text not null)`,
  'create index marker_by_lsn on assay_control.marker (cluster, lsn)',
  'create index marker_newest on assay_control.marker (cluster, database, at desc)',
  `create table assay_control.table_fingerprint (
     marker text not null references assay_control.marker on delete cascade,
     position integer not null,
     oid bigint not null,
     schema text not null,
     "table" text not null,
     rows numeric not null,
     sum numeric not null,
     equality text not null,
     bytes bigint not null,
     seed1 bigint not null,
     seed2 bigint not null,
     taken_at text not null,
     primary key (marker, position))`,
  `create table assay_control.proof (
     id text primary key,
     cluster text not null,
     repository integer not null,
     backup text not null,
     verdict text not null check (verdict in ('proven', 'failed', 'inconclusive')),
     level text check (level in ('content', 'structure')),
     cause text,
     depth text not null,
     proven_at timestamptz,
     finished_at timestamptz not null,
     document jsonb not null,
     check ((verdict = 'proven') = (level is not null)))`,
  'create index proof_newest on assay_control.proof (cluster, repository, finished_at desc)',
  `create table assay_control.certificate (
     proof text primary key,
     cluster text not null,
     sequence integer not null check (sequence > 0),
     hash text not null,
     previous text,
     json_path text not null,
     html_path text not null,
     issued_at timestamptz not null,
     document text not null,
     unique (cluster, sequence),
     check ((sequence = 1) = (previous is null)))`,
  `create table assay_control.pin (
     cluster text not null,
     owner text not null,
     label text not null,
     pinned_at timestamptz not null default now(),
     primary key (cluster, owner, label))`,
  'insert into assay_control.schema_version (version) values (1)',
];
