import { connectionErrors, type HostPatch } from '@nixen/api'
import { isRecord } from '@nixen/core'
import { isXapiError, type Ref } from '@nixen/xapi'
import type { PoolContext } from '../actions/context.ts'

/** The plug-in of XCP-ng that installs packages (xcp-ng-updater). */
export const updater = 'updater.py'

/** Updates that a host lacks, as its own package manager says. @throws connection.unsupported on other products */
export async function patchesOf({ xapi }: PoolContext, host: Ref<'host'>): Promise<readonly HostPatch[]> {
  let answer: string
  try {
    answer = await xapi.client.host.call_plugin(host, updater, 'check_update', {})
  } catch (error) {
    if (!isXapiError(error, 'XENAPI_MISSING_PLUGIN')) throw error
    throw connectionErrors.unsupported(
      {
        action: 'Listing updates',
        reason: 'the host has no updater of XCP-ng. Use the tools of its product.',
      },
      { cause: error },
    )
  }
  return readPatches(answer)
}

/** Reads what the plug-in says; entries that are not understood are left out. */
export function readPatches(answer: string): readonly HostPatch[] {
  const parsed: unknown = JSON.parse(answer)
  if (!Array.isArray(parsed)) return []
  return parsed.filter(isRecord).flatMap((entry) => {
    const { name, version, release, description, changelog, size, url } = entry
    if (typeof name !== 'string') return []
    const full = [version, release].filter((part) => typeof part === 'string' && part !== '').join('-')
    const changes = isRecord(changelog) ? changelog['description'] : undefined
    return [
      {
        name,
        ...(full === '' ? {} : { version: full }),
        ...textAt('description', description),
        ...textAt('changes', changes),
        ...textAt('link', url),
        ...(typeof size === 'number' && Number.isSafeInteger(size) && size >= 0 ? { size } : {}),
      },
    ]
  })
}

function textAt<K extends string>(key: K, value: unknown): Partial<Record<K, string>> {
  // One key, of that name.
  return typeof value === 'string' && value !== '' ? ({ [key]: value } as Record<K, string>) : {}
}
