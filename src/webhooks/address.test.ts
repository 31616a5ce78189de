import { describe, expect, it } from "vitest";
import { isPrivateHost, webhookAddress } from "./address.ts";

describe("a webhook's address", () => {
  it.each([
    "https://example.com/hook",
    "https://8.8.8.8/",
    "https://[2606:4700::1111]/x",
    "https://a.b.example.co.uk:8443",
  ])("may be %s", (url) => expect(webhookAddress(url, false).ok).toBe(true));

  it.each([
    ["http", "http://example.com/"],
    ["another scheme", "ftp://example.com/"],
    ["no URL", "example.com"],
    ["a password", "https://user:secret@example.com/"],
    ["localhost", "https://localhost/"],
    ["a name under localhost", "https://api.localhost/"],
    ["a name with a trailing dot", "https://localhost./"],
    ["a name without a dot", "https://intranet/"],
    ["a cloud's metadata name", "https://metadata.google.internal/"],
    ["mDNS", "https://printer.local/"],
    ["loopback", "https://127.0.0.1/"],
    ["loopback in decimal", "https://2130706433/"],
    ["loopback in hex", "https://0x7f.1/"],
    ["loopback in octal", "https://0177.0.0.1/"],
    ["this host", "https://0.0.0.0/"],
    ["10/8", "https://10.1.2.3/"],
    ["172.16/12", "https://172.31.255.255/"],
    ["192.168/16", "https://192.168.0.1/"],
    ["carrier-grade NAT", "https://100.64.0.1/"],
    ["link-local, where metadata lives", "https://169.254.169.254/"],
    ["multicast", "https://224.0.0.1/"],
    ["broadcast", "https://255.255.255.255/"],
    ["IPv6 loopback", "https://[::1]/"],
    ["IPv6 unspecified", "https://[::]/"],
    ["IPv6 unique local", "https://[fd00::1]/"],
    ["IPv6 link-local", "https://[fe80::1]/"],
    ["IPv4 mapped into IPv6", "https://[::ffff:127.0.0.1]/"],
    ["NAT64", "https://[64:ff9b::7f00:1]/"],
    ["6to4", "https://[2002:7f00:1::]/"],
  ])("may not be %s", (_, url) => {
    expect(webhookAddress(url, false)).toEqual({ ok: false, issue: expect.stringMatching(/^(must|is) /) });
  });

  it.each(["http://127.0.0.1:9999/hook", "https://localhost/", "http://[::1]:80/"])(
    "may be private, and plain http there, only where that is allowed: %s",
    (url) => {
      expect(webhookAddress(url, true).ok).toBe(true);
      expect(webhookAddress(url, false).ok).toBe(false);
    },
  );

  it("is never plain http to a public host", () => {
    expect(webhookAddress("http://example.com/", true).ok).toBe(false);
  });

  it.each([
    ["172.15.255.255", false],
    ["172.16.0.0", true],
    ["172.32.0.0", false],
    ["198.17.255.255", false],
    ["198.18.0.0", true],
    ["223.255.255.255", false],
  ])("keeps to the edges of the blocks: %s", (host, expected) => {
    expect(isPrivateHost(host)).toBe(expected);
  });
});
