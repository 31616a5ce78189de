import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readMessage } from "./messages.ts";

describe("what a client may say", () => {
  test.each([
    { action: "subscribe", channels: ["locks"] },
    { action: "subscribe", channels: ["locks", "system"], since: { locks: 0, system: 12 } },
    { action: "unsubscribe", channels: ["locks"] },
  ])("%j", (message) => {
    expect(readMessage(JSON.stringify(message))).toEqual({ ok: true, value: message });
  });

  test.each([
    "",
    "ping ",
    "{",
    "null",
    "[]",
    "1",
    "{}",
    '{"action":"publish","channels":["locks"]}',
    '{"action":"subscribe"}',
    '{"action":"subscribe","channels":[]}',
    '{"action":"subscribe","channels":"locks"}',
    '{"action":"subscribe","channels":[1]}',
    '{"action":"subscribe","channels":["locks"],"since":5}',
    '{"action":"subscribe","channels":["locks"],"since":{"locks":-1}}',
    '{"action":"subscribe","channels":["locks"],"since":{"locks":1.5}}',
    '{"action":"subscribe","channels":["locks"],"since":{"locks":9007199254740992}}',
    '{"action":"subscribe","channels":["locks"],"surprise":1}',
    '{"action":"unsubscribe","channels":["locks"],"since":{}}',
  ])("not %s", (text) => {
    const read = readMessage(text);
    expect(read.ok ? "a message" : read.error.code).toMatch(/^(MALFORMED_JSON|VALIDATION_ERROR)$/);
  });

  test("not bytes, and not more than 32 KiB", () => {
    expect(readMessage(new ArrayBuffer(8))).toMatchObject({ error: { code: "MALFORMED_JSON" } });
    const padded = (bytes: number) => JSON.stringify({ action: "unsubscribe", channels: ["é".repeat(bytes / 2)] });
    const frame = Buffer.byteLength(padded(0));
    expect(readMessage(padded(32_768 - frame)).ok).toBe(true);
    expect(readMessage(padded(32_768 - frame + 2))).toMatchObject({ error: { code: "PAYLOAD_TOO_LARGE" } });
    expect(readMessage(new ArrayBuffer(32_769))).toMatchObject({ error: { code: "PAYLOAD_TOO_LARGE" } });
  });

  test("whatever comes, reading it never throws", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => typeof readMessage(text).ok === "boolean"));
  });
});
