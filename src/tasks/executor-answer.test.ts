import { describe, expect, it } from "vitest";
import { executorAnswer } from "./executor-answer.ts";

describe("an executor that answers", () => {
  it("200 with a result has completed the task", () => {
    const body = JSON.stringify({ result: "success", output: { rows: 3 } });
    expect(executorAnswer("task.apply", 200, body)).toEqual({
      kind: "completed",
      input: { result: "success", output: { rows: 3 } },
    });
  });

  it("200 with a result to the wish of a rollback has rolled back, or could not", () => {
    for (const input of [{ result: "success" }, { result: "failure", error: "gone" }]) {
      const answer = executorAnswer("task.rollback", 200, JSON.stringify(input));
      expect(answer).toEqual({ kind: "rolled_back", input });
    }
  });

  it.each([
    [200, '{"result":"cancelled"}'],
    [200, '{"result":"success","resources":{}}'],
    [202, '{"result":"success"}'],
    [204, ""],
  ])("%d %j to the wish of a rollback will call back", (status, body) => {
    expect(executorAnswer("task.rollback", status, body)).toEqual({ kind: "accepted" });
  });

  it.each([
    [202, '{"result":"success"}'],
    [200, ""],
    [200, "ok"],
    [204, ""],
    [200, '{"result":"maybe"}'],
  ])("%d %j will call back: it took the message, so it is not sent again", (status, body) => {
    expect(executorAnswer("task.apply", status, body)).toEqual({ kind: "accepted" });
  });

  it.each([500, 502, 503, 599, 408, 425, 429])("%d is asked again", (status) => {
    for (const asked of ["task.apply", "task.rollback"] as const) {
      expect(executorAnswer(asked, status, "").kind).toBe("again");
    }
  });

  it.each([301, 302, 307, 400, 401, 403, 404, 410, 422])("%d has refused; a redirect is not followed", (status) => {
    for (const asked of ["task.apply", "task.rollback"] as const) {
      expect(executorAnswer(asked, status, '{"result":"success"}').kind).toBe("refused");
    }
  });
});
