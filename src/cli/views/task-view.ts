/** A task as people read it: what it is, what it would change, who must agree, how it went. */
import type { Schema } from "../../client/index.ts";
import { elapsed } from "../terminal/elapsed.ts";
import { plainLine, plainLines } from "../terminal/plain-text.ts";
import { type Column, type Look, table } from "../terminal/table.ts";
import { riskInk, stateInk } from "./inks.ts";

type Task = Schema<"Task">;
type Shown = Pick<Task, "id" | "state" | "revision" | "config" | "metadata"> & Partial<Task>;

const COLUMNS = (now: number): readonly Column<Task>[] => [
  { title: "ID", text: ({ id }) => id },
  { title: "STATE", text: ({ state }) => state, ink: ({ state }) => stateInk(state) },
  { title: "RISK", text: ({ risk }) => risk?.level ?? "-", ink: ({ risk }) => riskInk(risk?.level) },
  { title: "TYPE", text: ({ config }) => config.type, flexible: true },
  { title: "DESCRIPTION", text: ({ config }) => config.description, flexible: true },
  { title: "AUTHOR", text: ({ metadata }) => metadata.author_id, flexible: true },
  { title: "UPDATED", text: ({ metadata }) => elapsed(metadata.updated_at, now) },
];

export function taskTable(tasks: readonly Task[], look: Look): string {
  return table(COLUMNS(look.now), tasks, look);
}

export function taskView(task: Shown, look: Look): string {
  const { paint } = look;
  const head = `${paint("bold", plainLine(task.config.description))}  ${paint(stateInk(task.state) ?? "dim", task.state)}`;
  const lines = [
    head,
    paint(
      "dim",
      `${task.id} · revision ${task.revision} · ${plainLine(task.config.type)} · by ${plainLine(task.metadata.author_id)}, ${elapsed(task.metadata.created_at, look.now)}`,
    ),
    ...riskLines(task, look),
    ...previewLines(task.preview, look),
    ...reviewLines(task, look),
    ...queueLines(task, look),
    ...executionLines(task, look),
    ...commentLines(task, look),
  ];
  return lines.join("\n");
}

export function riskLines({ risk }: Pick<Shown, "risk">, { paint }: Look): string[] {
  if (risk === undefined) return [];
  const factors = risk.factors.map(({ name, contribution }) => `${name} ${rounded(contribution)}`).join(", ");
  return [
    "",
    `${paint("bold", "Risk")} ${paint(riskInk(risk.level) ?? "green", `${risk.level} ${rounded(risk.score)}`)}  ${paint("dim", factors)}`,
  ];
}

/** The changes with their diffs, coloured by line, and what is to be minded. */
export function previewLines(preview: Schema<"Preview"> | undefined, look: Look): string[] {
  if (preview === undefined) return [];
  const { paint } = look;
  const issues = [
    ...preview.errors.map(({ code, message }) => paint("red", `✗ ${plainLine(`${message} (${code})`)}`)),
    ...preview.warnings.map(({ code, message }) => paint("yellow", `! ${plainLine(`${message} (${code})`)}`)),
  ];
  const changes = preview.changes.flatMap(({ resource, action, diff }) => [
    "",
    `${paint("bold", plainLine(resource.key))} ${paint("dim", action)}`,
    ...(diff === undefined ? [] : diffLines(diff, look)),
  ]);
  return [...changes, ...(issues.length > 0 ? ["", ...issues] : [])];
}

function diffLines(diff: string, { paint }: Look): string[] {
  const lines = plainLines(diff).trimEnd().split("\n");
  return lines
    .filter((line) => line !== "" && !/^(---|\+\+\+|===|Index:)/.test(line))
    .map((line) => {
      const ink = line.startsWith("+")
        ? "green"
        : line.startsWith("-")
          ? "red"
          : line.startsWith("@@")
            ? "cyan"
            : "dim";
      return `  ${paint(ink, line)}`;
    });
}

export function reviewLines(task: Partial<Task>, { paint, now }: Look): string[] {
  const requirements = (task.requirements ?? []).map((one) => {
    const mark = one.satisfied ? paint("green", "✓") : paint("yellow", "·");
    const by = one.approved_by.length > 0 ? `: ${one.approved_by.join(", ")}` : "";
    const roles = one.required_roles.length > 0 ? ` of ${one.required_roles.join(", ")}` : "";
    return `  ${mark} ${plainLine(`${one.policy_name} needs ${one.min_approvers}${roles}, has ${one.approved_by.length}${by}`)}`;
  });
  const open = (task.approval_requests ?? [])
    .filter(({ status }) => status === "PENDING")
    .map(
      ({ reviewer_id, due_at, id }) =>
        `  ${paint("yellow", "?")} ${plainLine(reviewer_id)}, due ${elapsed(due_at, now)} ${paint("dim", id)}`,
    );
  const decisions = (task.approvals ?? []).map(({ reviewer_id, action, reason, revision }) => {
    const ink = action === "approve" ? "green" : "red";
    const why = reason === undefined ? "" : `: ${plainLine(reason)}`;
    return `  ${paint(ink, action)} by ${plainLine(reviewer_id)} on revision ${revision}${why}`;
  });
  const lines = [...requirements, ...open, ...decisions, ...overrideLines(task.override, paint)];
  return lines.length === 0 ? [] : ["", paint("bold", "Review"), ...lines];
}

/** What a second admin is asked to confirm. */
function overrideLines(override: Task["override"], paint: Look["paint"]): string[] {
  if (override === undefined) return [];
  const { requested_by, incident_ticket, reason, apply_immediately } = override;
  const what = apply_immediately ? "override, applied at once and whether or not it drifted," : "override";
  return [
    `  ${paint("red", "!")} ${plainLine(`${what} asked for by ${requested_by} (${incident_ticket}): ${reason}`)}`,
    `    ${paint("dim", "waits for another admin to confirm it")}`,
  ];
}

/** Why an approved task is not applied yet. */
function queueLines({ queue = [] }: Shown, { paint }: Look): string[] {
  return queue.map(
    ({ resource_type, resource_id, queue_position }) =>
      `\n${paint("yellow", "…")} ${plainLine(`waits for ${resource_type} ${resource_id}, ${queue_position} in its queue`)}`,
  );
}

function executionLines({ execution, lock_info, retry_at }: Shown, { paint, now }: Look): string[] {
  if (execution === undefined) return [];
  const { attempt, agent_id, result, error, rollback } = execution;
  const how =
    result ?? (lock_info === undefined ? "not running" : `running, lease ends ${elapsed(lock_info.expires_at, now)}`);
  return [
    "",
    paint("bold", "Execution"),
    `  attempt ${attempt} by ${plainLine(agent_id)}: ${paint(result === "success" ? "green" : result === undefined ? "cyan" : "red", how)}`,
    ...(error === undefined ? [] : [`  ${plainLine(JSON.stringify(error))}`]),
    ...(rollback === undefined ? [] : [`  rollback ${rollback.status}`]),
    ...(retry_at === undefined ? [] : [`  next attempt ${elapsed(retry_at, now)}`]),
  ];
}

function commentLines({ comments = [] }: Shown, { paint, now }: Look): string[] {
  const lines = comments.map(
    ({ author_id, body, created_at }) =>
      `  ${plainLine(author_id)} ${paint("dim", elapsed(created_at, now))}: ${plainLine(body)}`,
  );
  return lines.length === 0 ? [] : ["", paint("bold", "Comments"), ...lines];
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
