/** Where an NBD server listens: a unix socket, or a TCP port (10809 when left out). */
export type NbdAddress = { readonly socketPath: string } | { readonly host: string; readonly port?: number | undefined }

/** The port that IANA gave to NBD. */
export const defaultNbdPort = 10809

/** The address as people and other tools write it. */
export function addressText(address: NbdAddress, exportName = ''): string {
  if ('socketPath' in address) return `nbd+unix:///${encodeURI(exportName)}?socket=${address.socketPath}`
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `nbd://${host}:${address.port ?? defaultNbdPort}/${encodeURI(exportName)}`
}

/** Connection options for `net.connect` and `server.listen`. */
export function netOptions(address: NbdAddress): { path: string } | { host: string; port: number } {
  return 'socketPath' in address
    ? { path: address.socketPath }
    : { host: address.host, port: address.port ?? defaultNbdPort }
}
