/** A CA of a test's own, and a certificate of it for loopback, made by openssl. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type Authority = {
  /** PEM files. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
};

/** The reason why there can be none, for `skip`. */
export function noOpenssl(): string | false {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return false;
  } catch {
    return "openssl, which makes the certificates, is not installed";
  }
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** Good for two days, for `localhost` and 127.0.0.1. */
export function makeAuthority(dir: string): Authority {
  mkdirSync(dir, { recursive: true });
  const at = (name: string): string => join(dir, name);
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { stdio: "pipe" });
  writeFileSync(at("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n");
  openssl(
    "req",
    "-x509",
    ...NEW_KEY,
    "-days",
    "2",
    "-subj",
    "/CN=a test's CA",
    "-keyout",
    at("ca.key"),
    "-out",
    at("ca.pem"),
  );
  openssl("req", ...NEW_KEY, "-subj", "/CN=localhost", "-keyout", at("server.key"), "-out", at("server.csr"));
  const signed = ["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-extfile", at("names")];
  openssl("x509", "-req", "-in", at("server.csr"), ...signed, "-days", "2", "-out", at("server.pem"));
  return { ca: at("ca.pem"), certificate: at("server.pem"), key: at("server.key") };
}
