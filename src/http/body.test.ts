import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { forbidden, MAX_BODY_BYTES, readBody } from "./body.ts";
import { RequestFailure } from "./failure.ts";

function post(body: BodyInit | undefined, type: string | null = "application/json"): Request {
  const headers = new Headers(type === null ? {} : { "Content-Type": type });
  const request = new Request("http://api/", { method: "POST", headers, ...(body !== undefined && { body }) });
  // A text body brings a content type of its own.
  if (type === null) request.headers.delete("Content-Type");
  return request;
}

async function refused(request: Request) {
  const failure = await readBody(request).then(
    () => undefined,
    (thrown) => thrown,
  );
  if (!(failure instanceof RequestFailure)) throw new Error("the body was taken", { cause: failure });
  return failure.failure;
}

function nested(depth: number): string {
  return `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
}

describe("a body", () => {
  it("is JSON text and what it says", async () => {
    expect(await readBody(post('{ "a": [1, "ü"] }'))).toEqual({ text: '{ "a": [1, "ü"] }', value: { a: [1, "ü"] } });
  });

  it.each([
    ["application/json; charset=utf-8"],
    ["APPLICATION/JSON"],
    ["application/problem+json"],
    ["application/json ;x=y"],
  ])("may be called %s", async (type) => {
    expect((await readBody(post("{}", type))).value).toEqual({});
  });

  it.each([["text/plain"], ["application/jsonp"], ["application/x-json"], ["text/json"], [""], [null]])(
    "called %s is 415",
    async (type) => {
      expect((await refused(post("{}", type))).code).toBe("UNSUPPORTED_MEDIA_TYPE");
    },
  );

  it("that is compressed, or says so, is 415: nobody would unpack it", async () => {
    for (const coding of ["gzip", "br", "GZIP, identity"]) {
      const request = post("{}");
      request.headers.set("Content-Encoding", coding);
      expect((await refused(request)).code).toBe("UNSUPPORTED_MEDIA_TYPE");
    }
    const plain = post("{}");
    plain.headers.set("Content-Encoding", "identity");
    expect((await readBody(plain)).value).toEqual({});
  });

  it("whose integers would come back as others is refused with where they stand", async () => {
    for (const text of ["9007199254740993", "-12345678901234567890", "1152921504606846976", "1".repeat(400)]) {
      const { details } = await refused(post(`{"a":[{"b":${text}}],"c":"${text}"}`));
      expect(details, text).toMatchObject({ field: "a.0.b", issue: expect.stringContaining("send it as text") });
    }
    const kept = '{"a":[9007199254740992,100000000000000000000,0.1234567890123456789,1e300,-0],"b":"9007199254740993"}';
    expect((await readBody(post(kept))).value).toEqual(JSON.parse(kept));
  });

  it("that is empty counts as {} and needs no content type", async () => {
    for (const request of [post(undefined, null), post("", null), post(" \n\t", "text/plain")]) {
      expect(await readBody(request)).toEqual({ text: "{}", value: {} });
    }
  });

  it("that breaks off with the connection is the client's failure, however long it said it is", async () => {
    for (const headers of [{}, { "Content-Length": "100" }]) {
      const body = new ReadableStream({ pull: (sent) => sent.error(new Error("Network connection lost.")) });
      const request = new Request("http://api/", { method: "POST", headers, body, duplex: "half" } as RequestInit);
      expect((await refused(request)).code).toBe("MALFORMED_JSON");
    }
  });

  it.each([["{"], ["{a:1}"], ["'x'"], ["{}{}"], ["NaN"], ["01"], ['{"a":1,}'], ['"\u0000"'], ["[".repeat(100_000)]])(
    "that is no JSON is MALFORMED_JSON (%#)",
    async (text) => {
      expect((await refused(post(text))).code).toBe("MALFORMED_JSON");
    },
  );

  it("that is not UTF-8 is MALFORMED_JSON", async () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc0, 0x80, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
    ]) {
      expect((await refused(post(new Uint8Array(bytes)))).code).toBe("MALFORMED_JSON");
    }
  });

  it("of 1 MiB is taken and of a byte more is 413, however much more comes", async () => {
    const fits = JSON.stringify("x".repeat(MAX_BODY_BYTES - 2));
    expect((await readBody(post(fits))).text).toHaveLength(MAX_BODY_BYTES);
    expect((await refused(post(`${fits} `))).code).toBe("PAYLOAD_TOO_LARGE");
    // Beyond what is read out for the client's sake.
    expect((await refused(post("x".repeat(9 * MAX_BODY_BYTES)))).code).toBe("PAYLOAD_TOO_LARGE");
  });

  it("is measured in bytes, not characters", async () => {
    expect((await refused(post(JSON.stringify("ü".repeat(MAX_BODY_BYTES / 2))))).code).toBe("PAYLOAD_TOO_LARGE");
  });

  it.each([
    ['{"a":"x\\u0000"}', "a"],
    ['{"a":{"b\\u0000":1}}', "a.b\u0000"],
    ['{"a":[0,"\\ud800"]}', "a.1"],
    ['{"a":"\\udc00\\ud800"}', "a"],
    ['{"__proto__":{"admin":true}}', "__proto__"],
    ['{"a":[{"__proto__":null}]}', "a.0.__proto__"],
    ['{"a":1e999}', "a"],
    ['{"a":[-1e999]}', "a.0"],
    ['"\\u0000"', "body"],
    ["1e999", "body"],
  ])("with what no string or number may be is refused and named: %s", async (text, field) => {
    const { code, details } = await refused(post(text));
    expect(code).toBe("VALIDATION_ERROR");
    expect(details).toMatchObject({ field, issues: [{ field }] });
  });

  it("may hold any whole character, pairs of surrogates too", async () => {
    expect((await readBody(post('{"a":"\\ud83d\\ude00 \\u0001"}'))).value).toEqual({ a: "😀 \u0001" });
  });

  it("is 64 levels deep at most", async () => {
    expect((await readBody(post(nested(64)))).text).toBe(nested(64));
    expect((await refused(post(nested(65)))).code).toBe("VALIDATION_ERROR");
    const { code, details } = await refused(post(nested(50_000)));
    expect(code).toBe("VALIDATION_ERROR");
    expect(String(details?.field).length).toBeLessThanOrEqual(200);
  });

  it("never has its long keys sent back whole", async () => {
    const { message, details } = await refused(post(JSON.stringify({ [`${"k".repeat(100_000)}\u0000`]: 1 })));
    expect(message.length + JSON.stringify(details).length).toBeLessThan(2_000);
  });

  it("of any well-formed JSON is taken just as JSON.parse reads it", async () => {
    const value = fc.jsonValue({ maxDepth: 5, stringUnit: "grapheme" });
    await fc.assert(
      fc.asyncProperty(value, async (given) => {
        const text = JSON.stringify(given);
        fc.pre(forbidden(given, "", 0) === undefined);
        expect((await readBody(post(text))).value).toEqual(JSON.parse(text));
      }),
    );
  });
});
