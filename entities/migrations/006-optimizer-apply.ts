/** Version 6: what was done to a source, the looks of the guard, and what it said. */
import { Migration } from '@mikro-orm/migrations';

export class OptimizerApply extends Migration {
  override up(): void {
    for (const statement of statements) this.addSql(statement);
  }
}

const ofRecommendation = 'recommendation text not null references assay_control.recommendation on delete cascade';

const statements = [
  `create table assay_control.optimizer_deed (
     ${ofRecommendation},
     place int not null,
     object text not null,
     deed text not null check (deed in ('create', 'drop', 'rebuild')),
     begun_at timestamptz not null,
     ended_at timestamptz,
     "foreign" jsonb not null,
     primary key (recommendation, place, object))`,
  `create table assay_control.optimizer_look (
     ${ofRecommendation},
     guard_window int not null,
     look int not null,
     document jsonb not null,
     primary key (recommendation, guard_window, look))`,
  `create table assay_control.optimizer_verdict (
     ${ofRecommendation},
     guard_window int not null,
     verdict text not null check (verdict in ('keep', 'roll-back', 'undecided')),
     because jsonb not null,
     primary key (recommendation, guard_window))`,
  'insert into assay_control.schema_version (version) values (6)',
];
