import { describe, expect, it } from "vitest";
import { executorAnswer } from "./executor-answer.ts";

describe("an executor that answers", () => {
  it("200 with a result has completed the task", () => {
    const body = JSON.stringify({ result: "success", output: { rows: 3 } });
    expect(executorAnswer(200, body)).toEqual({ kind: "completed", input: { result: "success", output: { rows: 3 } } });
  });

  it.each([
    [202, '{"result":"success"}'],
    [200, ""],
    [200, "ok"],
    [204, ""],
    [200, '{"result":"maybe"}'],
  ])("%d %j will call back: it took the message, so it is not sent again", (status, body) => {
    expect(executorAnswer(status, body)).toEqual({ kind: "accepted" });
  });

  it.each([500, 502, 503, 599, 408, 425, 429])("%d is asked again", (status) => {
    expect(executorAnswer(status, "").kind).toBe("again");
  });

  it.each([301, 302, 307, 400, 401, 403, 404, 410, 422])("%d has refused; a redirect is not followed", (status) => {
    expect(executorAnswer(status, '{"result":"success"}').kind).toBe("refused");
  });
});
