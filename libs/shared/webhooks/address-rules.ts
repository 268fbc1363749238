/**
 * Which network addresses a webhook may call: public ones, and those in networks that the settings allow. Pure.
 *
 * IPv6 addresses that carry an IPv4 address are judged by that one too, since a gateway on the way may call it: mapped, compatible and
 * ISATAP (RFC 4291, RFC 5214), NAT64 and translated (RFC 6052, RFC 2765), 6to4 (RFC 3056), Teredo (RFC 4380).
 */
import ipaddr from "ipaddr.js";

type Address = ipaddr.IPv4 | ipaddr.IPv6;
export type Network = readonly [Address, number];

/** What clouds tell their machines, keys among it: never called, whatever networks are allowed. */
const METADATA = new Set(
  [
    ...["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"],
    // Alibaba, Oracle, and Azure's, which is a public address.
    ...["100.100.100.200", "192.0.0.192", "168.63.129.16"],
  ].map((text) => ipaddr.parse(text).toNormalizedString()),
);

const network = (text: string): Network => ipaddr.parseCIDR(text);
/** The only addresses of IPv6 that are given out to the public. */
const GLOBAL_IPV6 = network("2000::/3");
/** The IPv4 address in the last 32 bits stands for the whole address. */
const SAME_AS_IPV4 = ["::ffff:0:0/96", "64:ff9b::/96"].map(network);
/** Where else an IPv4 address lies: its first byte, and whether its bits are turned over. */
const CARRYING: readonly { readonly within: Network; readonly at: number; readonly inverted?: true }[] = [
  { within: network("::/96"), at: 12 },
  { within: network("::ffff:0:0:0/96"), at: 12 },
  { within: network("64:ff9b:1::/48"), at: 12 },
  { within: network("2002::/16"), at: 2 },
  { within: network("2001::/32"), at: 4 },
  { within: network("2001::/32"), at: 12, inverted: true },
];
/** An ISATAP interface: 0:5efe or 200:5efe before the IPv4 address. */
const isIsatap = (bytes: readonly number[]): boolean =>
  [0, 2].includes(bytes[8] ?? -1) && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe;

/** @param texts CIDRs, as the setting `webhooks.allow_networks`. */
export function networksOf(texts: readonly string[]): Network[] {
  return texts.map(network);
}

/**
 * Why an address must not be called; undefined: it may.
 * @param text as a resolver or a parsed URL gives it, without brackets. What is no plain address is refused.
 */
export function addressProblem(text: string, allowed: readonly Network[]): string | undefined {
  const address = plainAddress(text);
  if (address === undefined) return "it is no plain address";
  for (const one of meanings(address)) {
    if (METADATA.has(one.toNormalizedString())) return "it is a cloud's metadata address";
    if (allowed.some((within) => matches(one, within))) continue;
    const range = rangeOf(one);
    if (range !== undefined) return `it is not public (${range})`;
  }
  return undefined;
}

/** Four decimal numbers without leading zeros, or IPv6 without a zone: other spellings are read differently by different readers. */
function plainAddress(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  return ipaddr.IPv6.isValid(text) && !text.includes("%") ? ipaddr.IPv6.parse(text) : undefined;
}

/** The address and every address that a call to it may end at. */
function meanings(address: Address): Address[] {
  if (!(address instanceof ipaddr.IPv6)) return [address];
  const bytes = address.toByteArray();
  const ipv4 = (at: number, inverted = false): Address =>
    new ipaddr.IPv4(bytes.slice(at, at + 4).map((byte) => (inverted ? byte ^ 0xff : byte)));
  if (SAME_AS_IPV4.some((within) => matches(address, within))) return [ipv4(12)];
  const carried = CARRYING.filter(({ within }) => matches(address, within)).map(({ at, inverted }) =>
    ipv4(at, inverted === true),
  );
  return [address, ...carried, ...(isIsatap(bytes) ? [ipv4(12)] : [])];
}

function matches(address: Address, [base, bits]: Network): boolean {
  return address.kind() === base.kind() && (address as ipaddr.IPv6).match(base as ipaddr.IPv6, bits);
}

/** @returns undefined for a public one. */
function rangeOf(address: Address): string | undefined {
  const range: string = address.range();
  if (range !== "unicast") return range;
  return address instanceof ipaddr.IPv6 && !matches(address, GLOBAL_IPV6) ? "reserved" : undefined;
}
