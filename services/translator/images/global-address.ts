import ipaddr from "ipaddr.js";

/** Whether an IP address may be connected to on behalf of a caller. */
export type AddressPolicy = (address: string) => boolean;

/**
 * Whether an address is one of the public internet: no loopback, private, link-local, shared, reserved, multicast or
 * documentation address, in any of the forms in which IPv6 carries an IPv4 address. What is no address is not.
 */
export const isGlobalAddress: AddressPolicy = (address) => {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed instanceof ipaddr.IPv4) return isGlobalIPv4(parsed);
  if (parsed.zoneId !== undefined) return false;
  const embedded = embeddedIPv4(parsed);
  if (embedded !== undefined) return isGlobalIPv4(embedded);
  // All that IANA has given out; the ranges that the library knows are the exceptions within. Without this,
  // ::7f00:1 would pass, which is 127.0.0.1.
  return parsed.match(globalUnicast) && parsed.range() === "unicast";
};

const globalUnicast = ipaddr.IPv6.parseCIDR("2000::/3");

const isGlobalIPv4 = (address: ipaddr.IPv4): boolean => address.range() === "unicast";

/** Where an IPv6 address that stands for an IPv4 address has the first of its four bytes. */
const embeddings = [
  // IPv4-mapped, RFC 4291: the kernel connects to the IPv4 address itself.
  { prefix: ipaddr.IPv6.parseCIDR("::ffff:0:0/96"), byte: 12 },
  // NAT64, RFC 6052: a gateway does. The prefix for local use, RFC 8215, is none of these.
  { prefix: ipaddr.IPv6.parseCIDR("64:ff9b::/96"), byte: 12 },
  // 6to4, RFC 3056: a relay does.
  { prefix: ipaddr.IPv6.parseCIDR("2002::/16"), byte: 2 },
];

function embeddedIPv4(address: ipaddr.IPv6): ipaddr.IPv4 | undefined {
  const found = embeddings.find(({ prefix }) => address.match(prefix));
  if (found === undefined) return undefined;
  return new ipaddr.IPv4(address.toByteArray().slice(found.byte, found.byte + 4));
}
