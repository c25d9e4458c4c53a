import { isAppError, messageOf, type Clock } from '@nixen/core'
import { openNbd, type NbdDisk } from '@nixen/disk'
import { isXapiError, nbdExports, type NbdExport, type Ref } from '@nixen/xapi'
import { fallback, type FallbackReason } from '../../protect/reasons.ts'
import { callsOf, isGone, type ProtectContext, type Stoppable } from './context.ts'

export interface NbdOptions extends Stoppable {
  readonly connections: number
  readonly insecure: boolean
}

/** For how long the client itself goes on after a cut, in milliseconds; then another address is asked for. */
const resumeWithin = 3000

/** Opens a disk over NBD: at whichever host can, or why none can. @throws what shows that the disk is gone */
export async function openAtSome(
  context: ProtectContext,
  vdi: Ref<'VDI'>,
  options: NbdOptions,
): Promise<NbdDisk | FallbackReason> {
  const { signal } = options
  const exports = await exportsOf(context, vdi, { signal })
  if ('code' in exports) return exports
  if (exports.length === 0) return fallback('nbd_off')
  const tls = await usesTls(context, { signal })
  if (!tls && !options.insecure) return fallback('nbd_insecure')
  let failure: unknown
  // Another host each time, or all the work would be that of the first one, the master.
  const start = Math.floor(context.random() * exports.length)
  for (const way of [...exports.slice(start), ...exports.slice(0, start)]) {
    try {
      return await openAt(way, { tls, connections: options.connections, clock: context.clock, signal })
    } catch (error) {
      signal?.throwIfAborted()
      if (!isAppError(error)) throw error
      failure ??= error
    }
  }
  return fallback('nbd_failed', { message: messageOf(failure) })
}

async function exportsOf(
  { xapi }: ProtectContext,
  vdi: Ref<'VDI'>,
  options: Stoppable,
): Promise<readonly NbdExport[] | FallbackReason> {
  try {
    return await nbdExports(xapi, vdi, options.signal ? { signal: options.signal } : {})
  } catch (error) {
    // Hosts before XenServer 7.3, and disks that can't be read so.
    if (!isXapiError(error) || isGone(error)) throw error
    return fallback('nbd_failed', { message: messageOf(error) })
  }
}

/** What the host tells of an export is the same with and without TLS; the purposes of the networks decide. */
async function usesTls(context: ProtectContext, options: Stoppable): Promise<boolean> {
  const networks = await callsOf(context, options).network.get_all_records()
  return [...networks.values()].some(({ purpose }) => purpose?.includes('nbd') ?? false)
}

async function openAt(
  { host, port, exportName, certificate }: NbdExport,
  { tls, connections, clock, signal }: Stoppable & { tls: boolean; connections: number; clock: Clock },
): Promise<NbdDisk> {
  return await openNbd({
    host,
    port,
    exportName,
    connections,
    clock,
    signal,
    resumeWithin,
    connectTimeout: 10_000,
    // The certificate came over the connection to the pool, which is trusted.
    ...(tls ? { tls: { pin: certificate } } : {}),
  })
}
