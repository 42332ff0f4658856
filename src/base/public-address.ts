// The server as the client of one request knows it: a reverse proxy may have put another host, scheme and path in front.

export interface PublicAddress {
  readonly isTls: boolean;
  /** `host[:port]` each, the one that the client used first. */
  readonly hosts: readonly string[];
  /** Names, not encoded, of the path in front of the base URL; mostly none. */
  readonly prefix: readonly string[];
}
