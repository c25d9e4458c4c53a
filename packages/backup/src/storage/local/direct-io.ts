import { constants, open } from 'node:fs/promises'
import { alignDown, alignUp, MiB, systemCode } from '@nixen/core'
import { directAlignment, isDirectable } from '@nixen/disk'

const step = 8 * MiB

/**
 * Writes the beginning of `part` past the page cache, where its memory and the file system allow that, and says how many bytes that were; the rest is to be written
 * as usual. Packs that worker threads filled lie in memory that allows it: half of the system time of a backup is saved, and the page cache is left to others.
 */
export async function writeDirectly(
  target: string,
  part: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<number> {
  const length = alignDown(part.length, directAlignment)
  if (length < MiB || !isDirectable(part.subarray(0, length), 0) || constants.O_DIRECT === undefined) return 0
  const handle = await open(target, constants.O_WRONLY | constants.O_DIRECT).catch((error: unknown) => {
    // tmpfs and some network file systems.
    if (systemCode(error) !== 'EINVAL') throw error
  })
  if (!handle) return 0
  try {
    let done = 0
    while (done < length) {
      signal?.throwIfAborted()
      const { bytesWritten } = await handle.write(part, done, Math.min(step, length - done), done)
      done += alignDown(bytesWritten, directAlignment)
      if (bytesWritten % directAlignment !== 0) break
    }
    return done
  } catch (error) {
    // Refused only now: nothing was written by that call.
    if (systemCode(error) !== 'EINVAL') throw error
    return 0
  } finally {
    await handle.close()
  }
}

/** Ranges that are shorter are read as usual. */
const worthDirect = 256 * 1024

/**
 * Reads a range into `into` past the page cache, and gives the part of `into` that holds it; `undefined` where memory, file system or size don't suit, or the file
 * ends before: the range is then to be read as usual.
 */
export async function readDirectly(
  file: string,
  into: Uint8Array,
  { offset, length }: { offset: number; length: number },
): Promise<Uint8Array | undefined> {
  const start = alignDown(offset, directAlignment)
  const whole = into.subarray(0, alignUp(offset + length, directAlignment) - start)
  const fits = start + whole.length >= offset + length && isDirectable(whole, start)
  if (length < worthDirect || !fits || constants.O_DIRECT === undefined) return undefined
  try {
    await using handle = await open(file, constants.O_RDONLY | constants.O_DIRECT)
    const { bytesRead } = await handle.read(whole, 0, whole.length, start)
    return start + bytesRead >= offset + length ? whole.subarray(offset - start, offset - start + length) : undefined
  } catch (error) {
    if (systemCode(error) === 'EINVAL') return undefined
    throw error
  }
}
