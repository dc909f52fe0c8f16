import { X509Certificate } from "node:crypto";
import type { PeerCertificate } from "node:tls";
import { identityIn } from "../identity/certificate.ts";
import { toDer } from "../identity/key-pair.ts";
import { anonymousPeer, type Peer } from "../identity/peer.ts";

/** The connection of a grpc-js call. The certificate is set only when it is valid. */
export interface SecuredCall {
  getAuthContext(): { readonly sslPeerCertificate?: PeerCertificate } | null;
}

/** The caller over TLS: the identity of its certificate, else anonymous. */
export function readPeer(call: SecuredCall): Peer {
  const raw = call.getAuthContext()?.sslPeerCertificate?.raw;
  if (raw === undefined) return anonymousPeer;
  const certificate = new X509Certificate(raw);
  const identity = identityIn(certificate);
  if (identity === undefined) return anonymousPeer;
  return {
    kind: "identified",
    identity,
    // Few calls need it, and it costs as much as all the rest here.
    get publicKey() {
      return toDer(certificate.publicKey);
    },
  };
}
