/** How an admin asks an agent to drain: the label `drain: "true"` (docs/design/presence.md). Pure. */
import type { AgentRow } from "../db/configuration.ts";

const LABEL = "drain";

export function isAskedToDrain(labels: AgentRow["labels"]): boolean {
  return labels[LABEL] === "true";
}
