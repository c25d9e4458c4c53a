import { readFile } from 'node:fs/promises'
import { systemCode } from '@nixen/core'
import type { NbdAddress, NbdServerTls } from '@nixen/disk'
import { cliErrors } from './errors.ts'
import { textParser } from './parse.ts'

/** Flags of the commands that serve a disk over NBD. */
export interface ListenFlags {
  readonly socket?: string
  readonly listen?: string
  readonly export: string
  readonly overlay?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
}

const pathFlag = (brief: string) =>
  ({ kind: 'parsed', parse: textParser, brief, placeholder: 'PATH', optional: true }) as const

export const listenFlags = {
  socket: pathFlag('Listen on a unix socket'),
  listen: {
    kind: 'parsed',
    parse: textParser,
    brief: 'Listen on TCP, HOST:PORT',
    placeholder: 'ADDRESS',
    optional: true,
  },
  export: { kind: 'parsed', parse: textParser, brief: 'Name of the export', placeholder: 'NAME', default: '' },
  overlay: pathFlag('Let clients write; what they write is kept in this file, and the disk stays as it is'),
  tlsCert: pathFlag('PEM file of the certificate; clients must then use TLS'),
  tlsKey: pathFlag('PEM file of its key'),
} as const

/** Where to listen, and how. Errors: `cli.serve_where`, `cli.serve_open`, `cli.bad_address`, `cli.tls_pair`, `cli.cannot_read`. */
export async function listenOptions(
  flags: ListenFlags,
): Promise<{ listen: NbdAddress; tls: NbdServerTls | undefined }> {
  const listen = addressOf(flags)
  const tls = await tlsOf(flags)
  if ('host' in listen && !tls && !isLoopback(listen.host)) throw cliErrors.serve_open({ host: listen.host })
  return { listen, tls }
}

function addressOf({ socket, listen }: ListenFlags): NbdAddress {
  if (socket !== undefined) return { socketPath: socket }
  if (listen === undefined) throw cliErrors.serve_where()
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(listen)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || port > 65_535) throw cliErrors.bad_address({ text: listen })
  return { host, port }
}

async function tlsOf({ tlsCert, tlsKey }: ListenFlags): Promise<NbdServerTls | undefined> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) throw cliErrors.tls_pair()
  return { cert: await readText(tlsCert), key: await readText(tlsKey) }
}

/** Content of a file that a flag names. Error: `cli.cannot_read`. */
export async function readText(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((cause: unknown) => {
    throw cliErrors.cannot_read({ path, reason: systemCode(cause) ?? 'unknown' }, { cause })
  })
}

/** Whether only programs of this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** Resolves when the user wants the program to end. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
