/** Where an NBD server listens: a unix socket, or a TCP port (10809 when left out). */
export type NbdAddress = { readonly socketPath: string } | { readonly host: string; readonly port?: number | undefined }

/** The port that IANA gave to NBD. */
export const defaultNbdPort = 10809

/** The name of an export for messages: the session that hosts of XAPI want in it is left out, as it is as good as a password. */
export function exportText(exportName: string): string {
  return exportName.replace(/([?&]session_id=)[^&]*/g, '$1')
}

/** The address as people and other tools write it, with {@link exportText}. */
export function addressText(address: NbdAddress, exportName = ''): string {
  const name = encodeURI(exportText(exportName))
  if ('socketPath' in address) return `nbd+unix:///${name}?socket=${address.socketPath}`
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `nbd://${host}:${address.port ?? defaultNbdPort}/${name}`
}

/** Connection options for `net.connect` and `server.listen`. */
export function netOptions(address: NbdAddress): { path: string } | { host: string; port: number } {
  return 'socketPath' in address
    ? { path: address.socketPath }
    : { host: address.host, port: address.port ?? defaultNbdPort }
}
