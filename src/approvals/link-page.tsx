/** What a reviewer sees who follows a link: the change and its risk at a glance, and the decision. Everything is escaped by JSX. */
import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import { STYLE } from "../http/page-style.ts";
import type { Change, PreviewIssue, Risk } from "../tasks/contract.ts";
import type { ApprovalAnswer } from "../tasks/task-api.ts";
import type { Notice } from "./link-notice.ts";

/** Longer ones are for the API: a page has to be read. */
const MAX_CHANGES = 20;
const MAX_DIFF_LINES = 120;

type RiskFactor = Risk["factors"][number];

const RISK_WORDS: Readonly<Record<RiskFactor["name"], string>> = {
  resource_criticality: "how critical its resources are",
  change_magnitude: "how large the change is",
  blast_radius: "how far it reaches",
  historical_failure_rate: "how often its like failed",
};

export interface ReviewProps {
  readonly answer: ApprovalAnswer;
  readonly reviewer: string;
  /** What was wrong with what was sent. */
  readonly problem?: string;
}

export function ReviewPage({ answer, reviewer, problem }: ReviewProps) {
  const { approval, task, preview, risk, eligibility } = answer;
  return (
    <Layout title={`Decide: ${task.type}`}>
      <p class="brand">Countersign · a decision for {reviewer}</p>
      <h1>{task.author_id} asks for your approval</h1>
      <p class="lead">{task.description}</p>
      <dl>
        <dt>Change</dt>
        <dd>
          {task.type}, revision {task.revision}
        </dd>
        <dt>Risk</dt>
        <dd>
          <span class={`risk ${risk.level}`}>
            {risk.level} · {risk.score} of 100
          </span>
          , most of all by {weightiest(risk.factors)}
        </dd>
        {approval.on_behalf_of !== undefined && (
          <>
            <dt>For</dt>
            <dd>{approval.on_behalf_of}</dd>
          </>
        )}
        <dt>Due</dt>
        <dd>
          <time datetime={approval.due_at}>{readable(approval.due_at)}</time>
        </dd>
        {preview.affected_services.length > 0 && (
          <>
            <dt>Affects</dt>
            <dd>{preview.affected_services.join(", ")}</dd>
          </>
        )}
      </dl>
      <Issues title="Errors" issues={preview.errors} />
      <Issues title="Warnings" issues={preview.warnings} />
      <h2>What would change</h2>
      {preview.changes.length === 0 && <p class="soft">Nothing: it only reads.</p>}
      {preview.changes.slice(0, MAX_CHANGES).map((change) => (
        <ChangeSheet change={change} />
      ))}
      {preview.changes.length > MAX_CHANGES && (
        <p class="soft">And {preview.changes.length - MAX_CHANGES} more, which the API shows in full.</p>
      )}
      <form method="post">
        {problem !== undefined && (
          <p class="alert" role="alert" id="problem">
            {problem}
          </p>
        )}
        {!eligibility.can_decide && <p class="alert">{eligibility.why_not}</p>}
        <label for="reason">Reason</label>
        <textarea
          id="reason"
          name="reason"
          maxlength={2000}
          required
          aria-describedby={problem === undefined ? "hint" : "hint problem"}
          {...(problem !== undefined && { "aria-invalid": "true" })}
        />
        <p class="hint" id="hint">
          Needed to reject. It stands in the audit trail with your decision, which is final.
        </p>
        <div class="choices">
          {eligibility.can_decide && (
            <button type="submit" class="approve" name="action" value="approve" formnovalidate>
              Approve
            </button>
          )}
          <button type="submit" class="reject" name="action" value="reject">
            Reject
          </button>
        </div>
      </form>
    </Layout>
  );
}

export function NoticePage({ title, text }: Notice) {
  return (
    <Layout title={title}>
      <p class="brand">Countersign</p>
      <h1>{title}</h1>
      <p class="lead">{text}</p>
    </Layout>
  );
}

function Layout({ title, children }: { readonly title: string; readonly children?: Child }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex, nofollow" />
        <meta name="referrer" content="no-referrer" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <style>{raw(STYLE)}</style>
      </head>
      <body>
        <main>{children}</main>
      </body>
    </html>
  );
}

function ChangeSheet({ change }: { readonly change: Change }) {
  const { resource, action, diff } = change;
  // Without the two lines that name before and after: the heading says what it is.
  const lines = diff?.replace(/\n$/, "").split("\n").slice(2) ?? [];
  return (
    <section class="sheet">
      <h3>
        {resource.key} <span class="soft">{action}</span>
      </h3>
      {lines.length > 0 && (
        <section class="diff" tabindex={0} aria-label={`Difference of ${resource.key}`}>
          <pre>
            {lines.slice(0, MAX_DIFF_LINES).map((line) => (
              <span class={kindOf(line)}>{line === "" ? " " : line}</span>
            ))}
          </pre>
        </section>
      )}
      {lines.length > MAX_DIFF_LINES && (
        <p class="note">{lines.length - MAX_DIFF_LINES} more lines, which the API shows in full.</p>
      )}
      {diff === undefined && (
        <p class="note">
          {action === "execute" ? "It is run; what it does is not known beforehand." : "Too large to be shown here."}
        </p>
      )}
    </section>
  );
}

function Issues({ title, issues }: { readonly title: string; readonly issues: readonly PreviewIssue[] }) {
  if (issues.length === 0) return null;
  return (
    <>
      <h2>{title}</h2>
      <ul>
        {issues.map(({ message }) => (
          <li>{message}</li>
        ))}
      </ul>
    </>
  );
}

function kindOf(line: string): string {
  if (line.startsWith("@@")) return "hunk";
  if (line.startsWith("+")) return "add";
  return line.startsWith("-") ? "del" : "same";
}

function weightiest(factors: readonly RiskFactor[]): string {
  const [first] = factors.toSorted((a, b) => b.contribution - a.contribution);
  return first === undefined ? "nothing in particular" : RISK_WORDS[first.name];
}

/** `2026-11-20 12:00 UTC` */
function readable(timestamp: string): string {
  return `${timestamp.slice(0, 10)} ${timestamp.slice(11, 16)} UTC`;
}
