import { collectBytes } from '@nixen/core'
import type { Xapi } from '../session/xapi.ts'
import { bodyOf, openGet } from './download.ts'

/** Longest picture that is taken, in bytes. */
const longest = 16 * 1024 * 1024

/**
 * What a running VM's screen shows now: JPEG from a host, PNG from Nixen's toolstack. The host that it runs on draws it; others send us there.
 *
 * @throws xapi.http_status (404: it does not run or has no screen), truncated, timeout
 */
export async function vmScreenshot(
  xapi: Xapi,
  vmUuid: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Uint8Array> {
  const response = await openGet(xapi.streams, { path: '/vncsnapshot', query: { uuid: vmUuid }, signal })
  return await collectBytes(bodyOf(response, signal), { limit: longest })
}
