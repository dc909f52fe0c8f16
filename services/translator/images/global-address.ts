import ipaddr from "ipaddr.js";

/** Whether an IP address may be connected to on behalf of a caller. */
export type AddressPolicy = (address: string) => boolean;

/**
 * Whether an address is on the public internet: not loopback, private, link-local, shared, reserved, multicast or
 * documentation, in any of the forms in which IPv6 embeds an IPv4 address. False for anything that is not an address.
 */
export const isGlobalAddress: AddressPolicy = (address) => {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed instanceof ipaddr.IPv4) return isGlobalIPv4(parsed);
  if (parsed.zoneId !== undefined) return false;
  const embedded = embeddedIPv4(parsed);
  if (embedded !== undefined) return isGlobalIPv4(embedded);
  // IANA's global unicast range, minus the library's exceptions. Without it ::7f00:1, which is 127.0.0.1, would
  // pass.
  return parsed.match(globalUnicast) && parsed.range() === "unicast";
};

const globalUnicast = ipaddr.IPv6.parseCIDR("2000::/3");

const isGlobalIPv4 = (address: ipaddr.IPv4): boolean => address.range() === "unicast";

/** Prefixes of IPv6 addresses that embed an IPv4 address, and the index of its first byte. */
const embeddings = [
  // IPv4-mapped, RFC 4291: the kernel connects to the IPv4 address itself.
  { prefix: ipaddr.IPv6.parseCIDR("::ffff:0:0/96"), byte: 12 },
  // NAT64, RFC 6052: a gateway does. The local-use prefix of RFC 8215 is not global unicast.
  { prefix: ipaddr.IPv6.parseCIDR("64:ff9b::/96"), byte: 12 },
  // 6to4, RFC 3056: a relay does.
  { prefix: ipaddr.IPv6.parseCIDR("2002::/16"), byte: 2 },
];

function embeddedIPv4(address: ipaddr.IPv6): ipaddr.IPv4 | undefined {
  const found = embeddings.find(({ prefix }) => address.match(prefix));
  if (found === undefined) return undefined;
  return new ipaddr.IPv4(address.toByteArray().slice(found.byte, found.byte + 4));
}
