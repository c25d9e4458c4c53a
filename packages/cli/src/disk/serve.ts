import { readFile } from 'node:fs/promises'
import { systemCode } from '@nixen/core'
import {
  addressText,
  openDisk,
  overlayDiskAt,
  serveNbd,
  type NbdAddress,
  type NbdExport,
  type NbdServerTls,
} from '@nixen/disk'
import { print, type CommonFlags } from '../command.ts'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { openOptions, type OpenFlags } from './flags.ts'

export interface ServeFlags extends CommonFlags, OpenFlags {
  readonly socket?: string
  readonly listen?: string
  readonly export: string
  readonly overlay?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
}

/** `nixen disk serve IMAGE`: an NBD server until it is interrupted. */
export async function serveCommand(context: NixenContext, flags: ServeFlags, path: string): Promise<void> {
  const listen = addressOf(flags)
  const tls = await tlsOf(flags)
  if ('host' in listen && !tls && !isLoopback(listen.host)) throw cliErrors.serve_open({ host: listen.host })
  const source = await openDisk(path, openOptions(flags, context.signal))
  const overlay = flags.overlay === undefined ? undefined : await overlayDiskAt(source, flags.overlay)
  await using disk = overlay ?? source
  const exported: NbdExport = {
    name: flags.export,
    description: path,
    source: disk,
    ...(overlay ? { writable: overlay } : {}),
  }
  await using server = await serveNbd({ exports: [exported], listen, tls })
  const uri = addressText(server.address, flags.export).replace(/^nbd:/, tls ? 'nbds:' : 'nbd:')
  const access = flags.overlay === undefined ? 'read-only' : `writable, changes go to ${flags.overlay}`
  print(context, flags, {
    json: { uri, image: path, writable: flags.overlay !== undefined },
    text: `${path} is served at ${uri} (${access}). Ctrl-C ends it.`,
  })
  await untilAborted(context.signal)
}

function addressOf({ socket, listen }: ServeFlags): NbdAddress {
  if (socket !== undefined) return { socketPath: socket }
  if (listen === undefined) throw cliErrors.serve_where()
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(listen)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || port > 65_535) throw cliErrors.bad_address({ text: listen })
  return { host, port }
}

async function tlsOf({ tlsCert, tlsKey }: ServeFlags): Promise<NbdServerTls | undefined> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) throw cliErrors.tls_pair()
  return { cert: await readText(tlsCert), key: await readText(tlsKey) }
}

async function readText(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((cause: unknown) => {
    throw cliErrors.cannot_read({ path, reason: systemCode(cause) ?? 'unknown' }, { cause })
  })
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.')

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
