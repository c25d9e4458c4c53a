/** A certificate with those that signed it, and its key, both PEM. */
export interface ServedTls {
  readonly cert: string
  readonly key: string
  /** SHA-256 of the certificate, `AB:CD:…`: what people compare when a browser warns. */
  readonly fingerprint: string
  /** Epoch milliseconds. */
  readonly validTo: number
}
