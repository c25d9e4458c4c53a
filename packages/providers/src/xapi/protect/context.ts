import type { ConnectionId } from '@nixen/api'
import { retry, type Clock, type Random } from '@nixen/core'
import { isXapiError, type Ref, type Xapi, type XapiCallers } from '@nixen/xapi'

/** What backup and restore on a pool have at hand. */
export interface ProtectContext {
  readonly xapi: Xapi
  readonly connection: ConnectionId
  readonly clock: Clock
  readonly random: Random
}

export interface Stoppable {
  readonly signal?: AbortSignal | undefined
}

/** The typed calls, stopped by a signal. */
export function callsOf({ xapi }: ProtectContext, { signal }: Stoppable = {}): XapiCallers {
  return signal ? xapi.client.with({ signal }) : xapi.client
}

/** Whether an object is not there any more. */
export function isGone(error: unknown): boolean {
  return isXapiError(error, 'HANDLE_INVALID') || isXapiError(error, 'UUID_INVALID')
}

/** What `work` resolves with, or `undefined` when the object is gone. */
export async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

const busyCodes = ['VDI_IN_USE', 'OTHER_OPERATION_IN_PROGRESS', 'DEVICE_ALREADY_ATTACHED', 'VBD_IN_USE'] as const

/**
 * Does what needs a disk that nobody uses. A host detaches a disk from itself some time after a reader has closed its connection, so that
 * "in use" passes: it is tried for about half a minute.
 */
export async function whenFree<T>(
  { clock, random }: ProtectContext,
  work: () => Promise<T>,
  { signal }: Stoppable = {},
): Promise<T> {
  const when = (error: unknown): boolean => busyCodes.some((code) => isXapiError(error, code))
  return await retry(work, { attempts: 22, base: 100, max: 2000, when, clock, random, signal })
}

/** Waits until no host has a disk attached; at most half a minute, after which the next call says what is wrong. */
export async function untilDetached(context: ProtectContext, vdi: Ref<'VDI'>, options: Stoppable = {}): Promise<void> {
  const calls = callsOf(context, options)
  const end = context.clock.monotonic() + 30_000
  for (let pause = 20; context.clock.monotonic() < end; pause = Math.min(pause * 2, 1000)) {
    const vbds = await calls.VDI.get_VBDs(vdi)
    const attached = await Promise.all(vbds.map((ref) => unlessGone(calls.VBD.get_currently_attached(ref))))
    if (!attached.includes(true)) return
    await context.clock.sleep(pause, options)
  }
}
