import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemCode } from '@nixen/core'

/** Makes the names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r')
  // Some network file systems can't, and write names through anyway.
  await directory.sync().catch((error: unknown) => {
    if (systemCode(error) !== 'EINVAL') throw error
  })
}

/** Writes a small file so that it has either its old or its new content at any time. */
export async function writeDurable(path: string, content: string | Uint8Array): Promise<void> {
  const beside = `${path}.new`
  try {
    await using file = await open(beside, 'w', 0o600)
    await file.writeFile(content)
    await file.sync()
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
  await renameDurable(beside, path)
}

/** Gives a file another name, and replaces what has it. */
export async function renameDurable(from: string, to: string): Promise<void> {
  await rename(from, to)
  await syncDirectory(dirname(to))
}

/** Removes a file, if it is there. */
export async function removeDurable(path: string): Promise<void> {
  await rm(path, { force: true })
  await syncDirectory(dirname(path))
}
