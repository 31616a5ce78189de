/** One colour for one meaning, everywhere. */
import type { Schema } from "../../client/index.ts";
import type { Ink } from "../terminal/paint.ts";

export function stateInk(state: string): Ink | undefined {
  switch (state) {
    case "COMPLETED":
    case "APPROVED":
    case "online":
    case "held":
      return "green";
    case "REVIEWING":
    case "PENDING":
    case "stale":
    case "queued":
      return "yellow";
    case "APPLYING":
      return "cyan";
    case "REJECTED":
    case "CANCELLED":
    case "EXPIRED":
      return "red";
    default:
      return "dim";
  }
}

export function riskInk(level: Schema<"Risk">["level"] | undefined): Ink | undefined {
  switch (level) {
    case "CRITICAL":
      return ["bold", "red"];
    case "HIGH":
      return "red";
    case "MEDIUM":
      return "yellow";
    default:
      return undefined;
  }
}
