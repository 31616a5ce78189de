import { describe, expect, it } from "vitest";
import { findingsOf, type Measured } from "./findings.ts";

const well: Measured = {
  url: "https://countersign.example",
  health: { ok: true, value: { took_ms: 20, skew_ms: 100 } },
  readiness: { ok: true, value: { failing: [] } },
  token: { ok: true, value: { id: "alice", kind: "user", workspace: "default" } },
  wantedWorkspace: undefined,
  versions: { own: "0.1.0", server: { ok: true, value: "0.2.0" } },
};

const ailing = (measured: Partial<Measured>) =>
  findingsOf({ ...well, ...measured }).filter(({ status }) => status !== "ok");

describe("the doctor", () => {
  it("finds nothing where nothing is wrong", () => {
    expect(ailing({})).toEqual([]);
    expect(ailing({ url: "http://127.0.0.1:8787" })).toEqual([]);
  });

  it.each<[string, Partial<Measured>, object]>([
    ["a token on an open line", { url: "http://countersign.example" }, { check: "url", fix: "use https" }],
    [
      "a part that does not answer",
      { readiness: { ok: true, value: { failing: ["database"] } } },
      { check: "readiness", status: "failed" },
    ],
    [
      "a clock that is wrong",
      { health: { ok: true, value: { took_ms: 1, skew_ms: 90_000 } } },
      { check: "clock", told: "this machine's is 90 s behind" },
    ],
    [
      "a slow server",
      { health: { ok: true, value: { took_ms: 5_000, skew_ms: 0 } } },
      { check: "health", status: "warning" },
    ],
    [
      "another major version",
      { versions: { own: "1.0.0", server: { ok: true, value: "2.1.0" } } },
      { check: "version", fix: "install countersign@2.1.0" },
    ],
    ["a token that is refused", { token: { ok: false, error: "no" } }, { check: "token", status: "failed" }],
    ["another workspace", { wantedWorkspace: "shop" }, { check: "workspace", status: "warning" }],
  ])("finds %s, and says how to mend it", (_, measured, found) => {
    const [first] = ailing(measured);
    expect(first).toMatchObject(found);
    expect(first?.fix).toBeDefined();
  });

  it.each<[string, Measured["token"]]>([
    ["there is none", undefined],
    ["it is refused", { ok: false, error: "no" }],
  ])("blames the token, not the server, for what it could not ask: %s", (_, token) => {
    expect(ailing({ token })[1]).toEqual({
      check: "workspace",
      status: "skipped",
      told: "not asked: there is no token that works",
    });
  });

  it("asks nothing more of a server that does not answer", () => {
    const findings = ailing({ health: { ok: false, error: "refused" } });
    expect(findings.map(({ check, status }) => `${check} ${status}`)).toEqual([
      "health failed",
      "readiness skipped",
      "clock skipped",
      "version skipped",
      "token skipped",
      "workspace skipped",
    ]);
  });
});
