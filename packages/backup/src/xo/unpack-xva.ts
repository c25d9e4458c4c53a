import { createReadStream } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '@nixen/core'
import { decompress, openDisk, openImage, readXva, xva, type DiskImage, type XvaDiskInfo } from '@nixen/disk'
import { ivSize, tagSize } from './cipher.ts'
import { xoErrors } from './errors.ts'
import type { XoStore } from './xo-store.ts'

/** The export of a full backup, with its disks by name. */
export interface XoExport extends AsyncDisposable {
  readonly disks: readonly { readonly key: string; readonly source: DiskImage; readonly name: string }[]
}

/**
 * Opens the export of a full backup. One that is neither compressed nor encrypted is read where it is; any other is unpacked into `work`, since its disks
 * come one after the other and a seal is proven only at the end.
 */
export async function openExport(
  store: XoStore,
  name: string,
  { work, signal }: { work: string; signal?: AbortSignal | undefined },
): Promise<XoExport> {
  const stack = new AsyncDisposableStack()
  try {
    const path = await plainPath(store, name, { work, stack, signal })
    const described = await describedDisks(path === undefined ? store.stored(name) : createReadStream(path), name)
    const disks: { key: string; source: DiskImage; name: string }[] = []
    for (const { uuid, ref, name: label } of described) {
      const source =
        path === undefined
          ? await openImage(await store.file(name), xva, { disk: ref })
          : await openDisk(path, { format: 'xva', disk: ref })
      disks.push({ key: uuid, source: stack.use(source), name: label })
    }
    const held = stack.move()
    return { disks, [Symbol.asyncDispose]: async () => await held.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

async function describedDisks(stream: AsyncIterable<Uint8Array>, name: string): Promise<readonly XvaDiskInfo[]> {
  await using reader = await readXva(stream, { name })
  return reader.described
}

async function plainPath(
  store: XoStore,
  name: string,
  { work, stack, signal }: { work: string; stack: AsyncDisposableStack; signal?: AbortSignal | undefined },
): Promise<string | undefined> {
  const opened = store.seal.algorithm === 'none' ? store.stored(name) : opening(store, name)
  const plain = await decompress(opened, name)
  if (store.seal.algorithm === 'none' && plain.compression === 'none') {
    // Closes the file.
    for await (const _ of plain.stream) break
    return undefined
  }
  const folder = await mkdtemp(join(work, 'nixen-xva-'))
  stack.defer(async () => await rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'export.xva')
  const file = await open(path, 'w', 0o600)
  try {
    for await (const part of plain.stream) {
      signal?.throwIfAborted()
      await file.write(part)
    }
  } catch (cause) {
    if (systemCode(cause) === 'ENOSPC') throw xoErrors.no_room({ folder: work }, { cause })
    throw cause
  } finally {
    await file.close()
  }
  return path
}

/** The content of a sealed file. Its last bytes come only when the seal was right. */
async function* opening(store: XoStore, name: string): AsyncGenerator<Buffer> {
  let held = Buffer.alloc(0)
  let stream: ReturnType<XoStore['seal']['stream']> | undefined
  for await (const part of store.stored(name)) {
    held = Buffer.concat([held, part])
    if (!stream && held.length >= ivSize) {
      stream = store.seal.stream(held.subarray(0, ivSize))
      held = held.subarray(ivSize)
    }
    if (!stream || held.length <= tagSize) continue
    yield stream.update(held.subarray(0, held.length - tagSize))
    held = held.subarray(held.length - tagSize)
  }
  if (!stream || held.length < tagSize) throw xoErrors.damaged({ file: name, what: 'it is too short' })
  stream.end(held, name)
}
