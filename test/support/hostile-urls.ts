/**
 * Webhook URLs that lead inside. `{port}` stands for the port of a listener on this machine. Where the host is a name, `resolves` is what
 * each look-up of it answers, the last one for all that follow.
 */
export type HostileUrl = {
  readonly what: string;
  readonly url: string;
  readonly resolves?: readonly (readonly string[])[];
};

const PUBLIC = "93.184.215.14";

const written = (what: string, ...hosts: readonly string[]): HostileUrl[] =>
  hosts.map((host) => ({ what: `${what}: ${host}`, url: `http://${host}:{port}/` }));
const resolving = (what: string, ...addresses: readonly string[]): HostileUrl[] =>
  addresses.map((address) => ({
    what: `a name that resolves to ${what}: ${address}`,
    url: "http://hooks.example.com:{port}/",
    resolves: [[address]],
  }));

const MAPPED = "a mapped IPv4 address";

export const HOSTILE_URLS: readonly HostileUrl[] = [
  ...written("loopback", "127.0.0.1", "127.8.9.10", "127.255.255.254", "[::1]", "[0:0:0:0:0:0:0:1]"),
  ...written("any address", "0.0.0.0", "0.1.2.3", "[::]", "0"),
  ...written("hexadecimal", "0x7f.1", "0x7f000001", "0x7f.0x0.0x0.0x1", "0X7F.0.0.1"),
  ...written("octal", "0177.0.0.1", "017700000001", "0177.1"),
  ...written("one number", "2130706433", "3232235521", "2852039166"),
  ...written("few parts", "127.1", "127.0.1", "10.1", "192.168.257"),
  ...written("private", "10.0.0.5", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
  ...written("shared by carriers", "100.64.0.1", "100.127.255.254"),
  ...written("link-local", "169.254.1.1", "[fe80::1]", "[febf::1]"),
  ...written("metadata", "169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16"),
  ...written("metadata", "[fd00:ec2::254]", "[fd20:ce::254]", "[::ffff:169.254.169.254]", "0xa9fea9fe", "169.16689662"),
  ...written(
    "of documents and measurements",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "[2001:db8::1]",
  ),
  ...written("multicast and reserved", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "[ff02::1]"),
  ...written("IPv6 of private networks", "[fc00::1]", "[fd12:3456::1]", "[fec0::1]", "[100::1]", "[4000::1]"),
  ...written(MAPPED, "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:10.0.0.1]", "[::ffff:192.168.0.1]"),
  ...written("a compatible IPv4 address", "[::127.0.0.1]", "[::7f00:1]", "[::a00:1]"),
  ...written("NAT64", "[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::10.0.0.1]", "[64:ff9b:1::8.8.8.8]"),
  ...written("6to4", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2002:808:808::1]"),
  ...written("Teredo", "[2001:0:4136:e378:8000:63bf:80ff:fffe]", "[2001:0:7f00:1::]"),
  ...written("translated", "[::ffff:0:127.0.0.1]", "[::ffff:0:8.8.8.8]"),
  ...written("ISATAP", "[2606:4700::5efe:127.0.0.1]", "[2606:4700::200:5efe:10.0.0.1]"),
  ...written("a zone", "[fe80::1%25eth0]", "[::1%25lo]", "[fe80::1%eth0]"),
  ...written("this machine by name", "localhost", "LOCALHOST", "a.localhost", "localhost.", "a.b.localhost."),
  ...written("a dot at the end", "127.0.0.1.", "hooks.example.com.", "0x7f.1."),
  ...written("digits of Unicode", "１２７.０.０.１", "①②⑦.⓪.⓪.①", "127。0。0。1", "⑯⑨。②⑤④。⑯⑨。②⑤④"),
  ...written("names of Unicode", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "ｌocalhost", "l\u00adocalhost"),
  ...written("escapes", "127%2e0%2e0%2e1", "%31%32%37.0.0.1", "%6cocalhost"),
  ...written("white space", "127.0\t.0.1", "127.0.0\n.1"),
  ...resolving("loopback", "127.0.0.1", "::1", "::ffff:127.0.0.1"),
  ...resolving("metadata", "169.254.169.254", "fd00:ec2::254", "168.63.129.16", "64:ff9b::a9fe:a9fe"),
  ...resolving("a private network", "10.0.0.1", "192.168.0.1", "fd00::1", "fe80::1%eth0", "2002:a00:1::"),
  ...resolving("what is no plain address", "0x7f.1", "127.1", "0177.0.0.1", "2130706433", "", "localhost"),
  ...resolving("any address", "0.0.0.0", "::"),
  {
    what: "one bad address among good ones",
    url: "http://hooks.example.com:{port}/",
    resolves: [[PUBLIC, "10.0.0.1"]],
  },
  {
    what: "a bad address that would not be tried",
    url: "http://hooks.example.com:{port}/",
    resolves: [[PUBLIC, PUBLIC, PUBLIC, PUBLIC, "127.0.0.1"]],
  },
  { what: "a name that has no address", url: "http://hooks.example.com:{port}/", resolves: [[]] },
  {
    what: "a name of a cloud's metadata",
    url: "http://metadata.google.internal/computeMetadata/v1/",
    resolves: [["169.254.169.254"]],
  },
  { what: "a user name that looks like a host", url: "http://example.com@127.0.0.1:{port}/" },
  { what: "a host that looks like a user name", url: "http://127.0.0.1:{port}@example.com/", resolves: [[PUBLIC]] },
  { what: "a password", url: "http://user:secret@example.com/", resolves: [[PUBLIC]] },
  { what: "a user name alone", url: "https://user@example.com/", resolves: [[PUBLIC]] },
  { what: "a backslash before the at sign", url: "http://127.0.0.1:{port}\\@example.com/", resolves: [[PUBLIC]] },
  { what: "a fragment before the at sign", url: "http://127.0.0.1:{port}#@example.com/" },
  { what: "three slashes", url: "http:///127.0.0.1:{port}/" },
  { what: "no slashes", url: "http:127.0.0.1:{port}/" },
  { what: "backslashes", url: "http:\\\\127.0.0.1:{port}\\" },
  { what: "leading white space", url: "  http://127.0.0.1:{port}/" },
  { what: "no scheme", url: "//127.0.0.1:{port}/" },
  { what: "a path", url: "/v1/requests" },
  { what: "nothing", url: "" },
  { what: "a file", url: "file:///etc/passwd" },
  { what: "gopher", url: "gopher://127.0.0.1:{port}/_x" },
  { what: "ftp", url: "ftp://example.com/", resolves: [[PUBLIC]] },
  { what: "data", url: "data:text/plain,x" },
  { what: "javascript", url: "javascript:alert(1)" },
  { what: "a web socket", url: "ws://127.0.0.1:{port}/" },
  { what: "unix", url: "unix:/var/run/docker.sock" },
  { what: "blob", url: "blob:http://127.0.0.1:{port}/x" },
  { what: "the port of mail", url: "http://example.com:25/", resolves: [[PUBLIC]] },
  { what: "the port of ssh", url: "https://example.com:22/", resolves: [[PUBLIC]] },
  { what: "port 0", url: "http://example.com:0/", resolves: [[PUBLIC]] },
  { what: "a port that is none", url: "http://example.com:99999/", resolves: [[PUBLIC]] },
  { what: "a long URL", url: `http://example.com/${"a".repeat(3_000)}`, resolves: [[PUBLIC]] },
];
