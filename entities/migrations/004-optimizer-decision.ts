/** Version 4: what became of a recommendation, who decided, and how runs ended. */
import { Migration } from '@mikro-orm/migrations';

export class OptimizerDecision extends Migration {
  override up(): void {
    for (const statement of statements) this.addSql(statement);
  }
}

const states = `('proposed', 'approved', 'refused', 'stale', 'expired', 'superseded', 'applying', 'failed', 'applied', 'kept', 'rolled-back')`;

const statements = [
  'alter table assay_control.recommendation drop constraint recommendation_state_check',
  `alter table assay_control.recommendation add constraint recommendation_state_check check (state in ${states})`,
  `create table assay_control.recommendation_event (
     recommendation text not null references assay_control.recommendation on delete cascade,
     state text not null check (state in ${states}),
     at timestamptz not null,
     by text,
     because jsonb not null,
     primary key (recommendation, state))`,
  `alter table assay_control.optimizer_run
     add column outcome text check (outcome in ('recommended', 'nothing', 'failed')),
     add column because jsonb,
     add column ended_at timestamptz`,
  'insert into assay_control.schema_version (version) values (4)',
];
