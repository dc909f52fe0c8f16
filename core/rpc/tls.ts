import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { PeerCertificate } from "node:tls";
import {
  type ChannelCredentials,
  type ChannelOptions,
  credentials as channelCredentials,
  experimental,
  ServerCredentials,
} from "@grpc/grpc-js";
import { parseHostPort } from "../config/host-port.ts";
import { identityIn } from "../identity/certificate.ts";
import { type Credentials, LiveCredentials } from "../identity/credentials.ts";
import { describeIdentity, type Identity, isSameIdentity } from "../identity/identity.ts";

/** TLS of a client. */
export interface ClientTls {
  /** Without a certificate yet, only the authorities to trust, PEM. */
  readonly credentials: LiveCredentials | Pick<Credentials, "authorities">;
  /** The identity that the server must have. Host names are ignored: addresses change, identities do not. */
  readonly expect: Identity;
}

/** Credentials of a server. Client certificates are optional: joining nodes and health checks have none. */
export function toServerCredentials(credentials: LiveCredentials | undefined): ServerCredentials {
  if (credentials === undefined) return ServerCredentials.createInsecure();
  const provider = new Provider(credentials);
  return experimental.createCertificateProviderServerCredentials(provider, provider, false);
}

/** Credentials of a client. */
export function toChannelCredentials(tls: ClientTls | undefined): ChannelCredentials {
  if (tls === undefined) return channelCredentials.createInsecure();
  const { credentials, expect } = tls;
  const checkServerIdentity = expecting(expect);
  if (!(credentials instanceof LiveCredentials))
    return channelCredentials.createSsl(Buffer.from(credentials.authorities), null, null, {
      checkServerIdentity,
    });
  const provider = new Provider(credentials);
  return experimental.createCertificateProviderChannelCredentials(provider, provider, {
    checkServerIdentity,
  });
}

function expecting(expect: Identity): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (_host, { raw }) => {
    const found = identityIn(new X509Certificate(raw));
    if (found !== undefined && isSameIdentity(found, expect)) return undefined;
    const shown = found === undefined ? "shows no identity of a mesh" : `is ${describeIdentity(found)}`;
    return new Error(`wrong peer: it ${shown}, where ${describeIdentity(expect)} should be`);
  };
}

/** TLS needs a server name, which an IP address is not: the mesh's stands in for it. */
export function tlsOptions(address: string): ChannelOptions {
  return isIP(parseHostPort(address)?.host ?? "") === 0
    ? {}
    : { "grpc.ssl_target_name_override": "mesh.internal" };
}

/** Why TLS to `address` failed, from the message of grpc-js; undefined when the failure was another. */
export function describeTlsFailure(details: string, address: string): string | undefined {
  const wrongPeer = /wrong peer: it (.+, where .+ should be)/.exec(details)?.[1];
  if (wrongPeer !== undefined) return `${address} ${wrongPeer}: check the address.`;
  return tlsFailures.find(([pattern]) => pattern.test(details))?.[1](address);
}

const tlsFailures: readonly (readonly [RegExp, (address: string) => string])[] = [
  [
    /certificate has expired/,
    (address) =>
      `The certificate of ${address} has expired, or this machine's clock is ahead: it says ${new Date().toISOString()}. Set the clock right, or renew that certificate.`,
  ],
  [
    /certificate is not yet valid/,
    (address) =>
      `The certificate of ${address} is not valid yet, so this machine's clock is probably behind: it says ${new Date().toISOString()}. Set the clock right.`,
  ],
  [
    /certificate signature failure|self[- ]signed certificate|unable to (verify|get)/,
    (address) =>
      `The certificate of ${address} comes from another CA than the one trusted here: it belongs to another mesh, or that mesh has a new CA.`,
  ],
  [
    /wrong version number|packet length too long|http request/,
    (address) =>
      `${address} does not speak TLS, and this side does: give it a certificate (--tls-cert, --tls-key, --tls-ca), or take them away here. A node that has joined a mesh with TLS needs another --data FOLDER for one without.`,
  ],
];

class Provider implements experimental.CertificateProvider {
  readonly #credentials: LiveCredentials;
  readonly #unsubscribe = new Map<unknown, () => void>();

  constructor(credentials: LiveCredentials) {
    this.#credentials = credentials;
  }

  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#add(listener, () =>
      listener({ caCertificate: Buffer.from(this.#credentials.current.authorities) }),
    );
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#add(listener, () => {
      const { certificate, privateKey, authorities } = this.#credentials.current;
      // With the authorities, so that a joining node can see the one that its token pins.
      listener({
        certificate: Buffer.from(`${certificate.trimEnd()}\n${authorities}`),
        privateKey: Buffer.from(privateKey),
      });
    });
  }

  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#remove(listener);
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#remove(listener);
  }

  #add(listener: unknown, notify: () => void): void {
    this.#unsubscribe.set(listener, this.#credentials.subscribe(notify));
    // Later, because grpc-js is not ready while it adds a listener.
    process.nextTick(notify);
  }

  #remove(listener: unknown): void {
    this.#unsubscribe.get(listener)?.();
    this.#unsubscribe.delete(listener);
  }
}
