import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '@nixen/core'
import { removeDurable, writeDurable } from '../file-sr/durable.ts'
import { cbtBitmapLength, decodeCbtLog, encodeCbtLog, type CbtContent } from './cbt-log.ts'

/** Where Linux says which start of the machine this is. */
const bootIdFile = '/proc/sys/kernel/random/boot_id'

/**
 * Logs that were open when the process died: what they hold is right as long as the machine did not stop as well, because each change was
 * noted before it was made. After a stop of the machine they stay inconsistent, and their changes are not listed any more.
 */
export async function recoverCbtLogs(directory: string): Promise<void> {
  const boot = await readFile(bootIdFile, 'utf8').catch(() => '')
  const path = join(directory, '.boot')
  const before = await readFile(path, 'utf8').catch(() => '')
  if (boot !== '' && boot === before) {
    for (const name of await readdir(directory)) {
      if (!name.endsWith('.cbtlog')) continue
      const content = await readCbtLog(join(directory, name))
      if (content && !content.consistent) {
        await writeDurable(join(directory, name), encodeCbtLog({ ...content, consistent: true }))
      }
    }
  }
  if (boot !== before) await writeDurable(path, boot)
}

/** Removes a log from the middle of the chain: its changes become part of the one after it. */
export async function removeCbtLog(directory: string, uuid: string): Promise<void> {
  const path = (of: string): string => join(directory, `${of}.cbtlog`)
  const log = await readCbtLog(path(uuid))
  if (!log) return
  const { parent, child } = log
  const after = child === undefined ? undefined : await readCbtLog(path(child))
  if (child !== undefined && after) {
    // Without a log before there is no snapshot that these changes could be asked from.
    const bits = parent === undefined ? after.bits : union(after, log)
    const consistent = after.consistent && (parent === undefined || log.consistent)
    await writeDurable(path(child), encodeCbtLog({ ...after, parent, consistent, bits }))
  }
  const before = parent === undefined ? undefined : await readCbtLog(path(parent))
  if (parent !== undefined && before) await writeDurable(path(parent), encodeCbtLog({ ...before, child }))
  await removeDurable(path(uuid))
}

function union(after: CbtContent, log: CbtContent): Uint8Array {
  const bits = new Uint8Array(cbtBitmapLength(after.size))
  for (let i = 0; i < bits.length; i++) bits[i] = (after.bits[i] ?? 0) | (log.bits[i] ?? 0)
  return bits
}

async function readCbtLog(path: string): Promise<CbtContent | undefined> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error
    return undefined
  })
  return bytes && decodeCbtLog(bytes)
}
