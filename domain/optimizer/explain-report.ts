/** What `assay optimizer explain` answers: statements with their plans and findings. Values are in none of them. */
import type { Finding } from './finding.ts';
import type { BindingSource, NotJudged } from './model.ts';
import type { Explained } from './plan.ts';

export interface ExplainedStatement {
  /** `statement 2`: its place in the text. */
  readonly title: string;
  /** With `$1` in place of constants; empty where a plan was given and no statement. */
  readonly text: string;
  /** Where the values came from that it was planned with; `captured`: from the statement itself. */
  readonly source: BindingSource;
  readonly plan: Explained;
  readonly findings: readonly Finding[];
}

export interface ExplainReport {
  readonly statements: readonly ExplainedStatement[];
  /** Each by its title, with the reason. */
  readonly notExplained: readonly NotJudged[];
}
