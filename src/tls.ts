// How an endpoint is connected to: at its address, and as the TLS flags say. Crosses to worker threads. Opens no file, and shows no
// key.

import { buildConnector } from "undici";
import type { Endpoint } from "./endpoint.js";
import { ignoreContinue } from "./interim.js";

/** What the TLS flags say, as texts. With none of them an endpoint has no such thing, and Node's defaults hold. */
export interface Tls {
  /** PEM: in place of Node's own authorities; undefined: those, and NODE_EXTRA_CA_CERTS. */
  readonly ca: string | undefined;
  /** PEM: the client certificate, and its key; both or none. */
  readonly client: { readonly cert: string; readonly key: string } | undefined;
  /** False: whoever answers is taken for the server. */
  readonly verify: boolean;
}

export type Connector = ReturnType<typeof buildConnector>;

/** Makes undici's connections to such an endpoint. */
export function connectorOf({ tls, address }: Endpoint, options: { readonly timeout?: number } = {}): Connector {
  const connect = buildConnector({
    ...options,
    keepAlive: true,
    ...(tls !== undefined && {
      rejectUnauthorized: tls.verify,
      ...(tls.ca !== undefined && { ca: tls.ca }),
      ...tls.client,
    }),
  });
  return (target, callback) =>
    // The name stays what it is for TLS and for the header Host.
    connect(address === undefined ? target : { ...target, hostname: address }, (...result) => {
      const [, socket] = result;
      if (socket) ignoreContinue(socket);
      // In TLS 1.3 the server judges the client after its own handshake: an alert, then the end. The end alone would be told.
      if (target.protocol === "https:") socket?.once("error", (error) => socket.destroy(error));
      callback(...result);
    });
}
