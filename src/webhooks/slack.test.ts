import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { type SlackContext, slackMessage } from "./slack.ts";
import { asCode, escapedTo } from "./slack-text.ts";

const task = (description: string, diff: string): NonNullable<SlackContext["task"]> =>
  ({
    id: "101a1fb5-9921-8d41-8a35-bac600000000",
    config: { type: "service.configure", description },
    risk: { score: 42, level: "MEDIUM", factors: [], auto_approvable: false },
    preview: { changes: [{ resource: { key: "service:prod/web" }, action: "write", diff }] },
  }) as unknown as NonNullable<SlackContext["task"]>;

const requested = {
  event: "approval:requested",
  payload: {
    approval_id: "101a1fb5-9921-8d41-8a35-bac600000001",
    task_id: "101a1fb5-9921-8d41-8a35-bac600000000",
    task_type: "service.configure",
    reviewer_id: "bob",
    requested_by: "alice",
    priority: "HIGH",
    due_at: "2026-11-22T00:00:00.000Z",
    risk_score: 42,
  },
};

const nasty = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 200 }),
  fc.string({ unit: fc.constantFrom("<", "&", ">", "`", "💥", "<!channel>", "a"), maxLength: 5_000 }),
);
const names = [
  "approval:requested",
  "approval:escalated",
  "approval:resolved",
  "task:state_changed",
  "lock:deadlock_detected",
  "user.created",
];

/** Every text object of a message. */
function textsOf(value: unknown): { type: string; text: string }[] {
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (typeof value !== "object" || value === null) return [];
  const one = value as { type?: string; text?: unknown };
  const own = typeof one.text === "string" ? [{ type: String(one.type), text: one.text }] : [];
  return [...own, ...Object.values(value).flatMap(textsOf)];
}

test("whatever people write, a message keeps to Slack's limits and mentions nobody", () => {
  const payload = fc.dictionary(
    fc.constantFrom(
      "reviewer_id",
      "requested_by",
      "reason",
      "new_state",
      "to",
      "from",
      "outcome",
      "cycle",
      "who",
      "approval_id",
    ),
    fc.oneof(nasty, fc.array(nasty, { maxLength: 3 }), fc.constant(null), fc.record({ id: nasty })),
  );
  fc.assert(
    fc.property(fc.constantFrom(...names), payload, nasty, nasty, fc.boolean(), (event, given, about, diff, known) => {
      const { text, blocks } = slackMessage({ event, payload: given }, known ? { task: task(about, diff) } : {});
      expect(blocks.length).toBeLessThanOrEqual(50);
      expect(text.length).toBeLessThanOrEqual(3_000);
      expect(text).not.toMatch(/[<>]/);
      for (const one of textsOf(blocks)) {
        expect(one.text.length).toBeLessThanOrEqual(one.type === "plain_text" ? 150 : 3_000);
        expect(one.text.length).toBeGreaterThan(0);
        if (one.type === "mrkdwn") expect(one.text).not.toMatch(/[<>]/);
      }
      for (const { fields = [] } of blocks as readonly { fields?: { text: string }[] }[]) {
        expect(fields.length).toBeLessThanOrEqual(10);
        for (const field of fields) expect(field.text.length).toBeLessThanOrEqual(2_000);
      }
    }),
  );
});

test("escaped text is cut, never within a character or an entity, and only if it is too long", () => {
  fc.assert(
    fc.property(nasty, fc.integer({ min: 10, max: 300 }), (text, limit) => {
      const escaped = escapedTo(text, limit);
      const whole = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
      expect(escaped.length).toBeLessThanOrEqual(limit);
      expect(escaped.isWellFormed()).toBe(text.isWellFormed());
      if (whole.length <= limit) expect(escaped).toBe(whole);
      else {
        expect(escaped.endsWith("…")).toBe(true);
        expect(whole.startsWith(escaped.slice(0, -1))).toBe(true);
        expect(escaped.slice(0, -1)).not.toMatch(/&[a-z]*$/);
      }
    }),
  );
});

test("nothing in a diff ends the block of code that it stands in", () => {
  fc.assert(
    fc.property(nasty, (diff) => {
      const code = asCode(diff);
      expect(code.slice(3, -3)).not.toContain("`");
      expect(code.length).toBeLessThanOrEqual(3_000);
    }),
  );
});

describe("a request for approval", () => {
  it("tells what, how risky, who and until when, with the diff and the reviewer's own link", () => {
    const review = "https://countersign.example.com/links/csl_x.y";
    const message = slackMessage(requested, { task: task("Turn it <on>", "-old\n+new"), review });
    expect(message.text).toBe("Approval requested: service.configure: Turn it &lt;on&gt;");
    expect(message.blocks.map(({ type }) => type)).toEqual([
      "header",
      "section",
      "section",
      "section",
      "actions",
      "context",
    ]);
    const all = textsOf(message.blocks).map(({ text }) => text);
    expect(all).toContain("*Risk*\n42 (MEDIUM)");
    expect(all).toContain("*Asked*\nbob");
    expect(all).toContain("*Due*\n2026-11-22T00:00:00.000Z");
    expect(all.join("\n")).toContain("write service:prod/web\n-old\n+new");
    expect(message.blocks[4]).toMatchObject({ elements: [{ type: "button", url: review }] });
  });

  it("of which nothing more is known has no button, and names the approval", () => {
    const { blocks } = slackMessage(requested);
    expect(blocks.map(({ type }) => type)).toEqual(["header", "section", "context"]);
    expect(JSON.stringify(blocks)).toContain(requested.payload.approval_id);
  });
});

describe("other events", () => {
  it.each([
    ["task:state_changed", { task_id: "t", previous_state: "REVIEWING", new_state: "APPROVED" }, "Task APPROVED"],
    ["approval:resolved", { approval_id: "a", task_id: "t", outcome: "REJECTED" }, "Approval closed"],
    [
      "lock:deadlock_detected",
      { cycle: [{ agent_id: "x" }], resolution: { victim_agent_id: "x" } },
      "Deadlock resolved",
    ],
    ["user.created", { subject_id: "u", who: { id: "root" } }, "user.created"],
  ])("%s says so in a line", (event, payload, text) => {
    expect(slackMessage({ event, payload }).text).toBe(text);
  });
});
