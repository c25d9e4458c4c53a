import { link, open, rename, stat, unlink, type FileHandle } from 'node:fs/promises'
import { storageErrors } from '../storage-errors.ts'
import { codeOf } from './system-errors.ts'
import { writeDirectly } from './direct-io.ts'

/** What tells unfinished files from those of the repository; restic names its own in the same way. */
const temporaryMark = '-tmp-'

/** A new name beside `target` for writing it. Never the name of a file of a repository. */
export function temporaryName(target: string): string {
  return `${target}${temporaryMark}${crypto.randomUUID()}`
}

/** Whether a file is an unfinished one, of Nixen or of restic. */
export function isTemporaryName(name: string): boolean {
  return name.includes(temporaryMark)
}

/** Writes all parts to a new file and makes its content durable. Leaves nothing behind when it fails. */
export async function writeDurably(
  target: string,
  parts: readonly Uint8Array[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const handle = await open(target, 'wx', 0o600)
  try {
    try {
      const direct = parts.length === 1 && parts[0] ? await writeDirectly(target, parts[0], signal) : 0
      await writeAll(handle, parts, { signal, direct })
      await syncFile(handle, target)
    } finally {
      await handle.close()
    }
  } catch (error) {
    await removeQuietly(target)
    throw error
  }
}

async function writeAll(
  handle: FileHandle,
  parts: readonly Uint8Array[],
  { signal, direct }: { signal: AbortSignal | undefined; direct: number },
): Promise<void> {
  let position = direct
  for (const [i, part] of parts.entries()) {
    for (let done = i === 0 ? direct : 0; done < part.length;) {
      signal?.throwIfAborted()
      const { bytesWritten } = await handle.write(part, done, part.length - done, position)
      done += bytesWritten
      position += bytesWritten
    }
  }
}

/**
 * A failed fsync is final: the kernel has marked the pages clean, a second call would succeed without anything written
 * (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
 */
async function syncFile(handle: FileHandle, where: string): Promise<void> {
  try {
    await handle.datasync()
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOSPC' || code === 'EDQUOT') throw storageErrors.full({ where }, { cause: error })
    throw storageErrors.failed({ where, reason: `fsync: ${code ?? 'unknown'}` }, { cause: error })
  }
}

/** Whether directories can be made durable: SMB mounts can't, and say so. */
export type DirectorySync = 'done' | 'unsupported'

const noDirectorySync = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENOSYS', 'EISDIR'])

/** Makes the names in a directory durable. */
export async function syncDirectory(directory: string): Promise<DirectorySync> {
  let handle: FileHandle
  try {
    handle = await open(directory, 'r')
  } catch (error) {
    // Windows and some network file systems don't open directories as files.
    if (noDirectorySync.has(codeOf(error) ?? '')) return 'unsupported'
    throw error
  }
  try {
    await handle.sync()
    return 'done'
  } catch (error) {
    const code = codeOf(error)
    if (noDirectorySync.has(code ?? '')) return 'unsupported'
    throw storageErrors.failed({ where: directory, reason: `fsync: ${code ?? 'unknown'}` }, { cause: error })
  } finally {
    await handle.close()
  }
}

const noLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'EMLINK', 'EXDEV'])

/**
 * Gives a finished file its name without ever replacing another one. A hard link does that in one step; where there are none (SMB, FAT), the
 * name is looked at first, and a race between two writers of one name leaves the content of either, which is the same.
 *
 * @returns whether the file system refused a second writer by itself
 * @throws EEXIST as the system gives it
 */
export async function publish(temporary: string, target: string): Promise<{ exclusive: boolean }> {
  try {
    await link(temporary, target)
  } catch (error) {
    const code = codeOf(error) ?? ''
    if (noLinks.has(code)) return renameUnlessThere(temporary, target, error)
    // NFS repeats a request whose answer was lost, and then finds its own link: that is a success.
    if (code !== 'EEXIST' || !(await isSameFile(temporary, target))) throw error
  }
  await removeQuietly(temporary)
  return { exclusive: true }
}

async function renameUnlessThere(temporary: string, target: string, refused: unknown): Promise<{ exclusive: boolean }> {
  const there = await stat(target).catch(absent)
  if (there) throw Object.assign(new Error(`EEXIST: ${target}`, { cause: refused }), { code: 'EEXIST' })
  await rename(temporary, target)
  return { exclusive: false }
}

async function isSameFile(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all([stat(a, { bigint: true }), stat(b, { bigint: true })])
  return first.ino === second.ino && first.dev === second.dev
}

/** For `catch`: `undefined` in place of "no such file"; everything else is thrown on. */
export function absent(error: unknown): undefined {
  const code = codeOf(error)
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
}

/** Removes a file of ours; what can't be removed is left for the sweep of old temporary files. */
export async function removeQuietly(file: string): Promise<void> {
  await unlink(file).catch(() => undefined)
}
