// The process that reads file systems of guests. What a disk says may be made to do harm, so this process has nothing: no files, no network, no child
// processes (Node's permissions, given up before the first byte of a disk is asked for), no secrets, no rights of root; its bytes come from its parent over
// IPC, within bounds, and it ends with the channel.
import {
  archiveEntries,
  chooseVolume,
  fileErrors,
  findFile,
  findVolumes,
  listDirectory,
  nameMatcher,
  PagedDevice,
  tarArchive,
  walkFiles,
  zipArchive,
  type FileSystemReader,
  type FoundFile,
  type Volume,
} from '@nixen/disk/files'
import type { FileFacts, SentFormat, VolumeFacts } from '../operations/files.ts'
import { fromWire, toWire } from '../protocol.ts'
import { filesAliveEvery, type FilesAnswer, type FilesRequest, type FromFiles, type ToFiles } from './protocol.ts'

/** Items that are sent at a time. */
const piece = 500
/** Nobody, on all systems. */
const nobody = 65_534

giveUpRights()
const reads = new Map<number, PromiseWithResolvers<Uint8Array>>()
let nextRead = 1
let taken: PromiseWithResolvers<void> | undefined

process.on('message', (message) => {
  // Only the parent is at the other end.
  const said = message as ToFiles
  if (said.type === 'start') void run(said)
  else if (said.type === 'taken') taken?.resolve()
  else {
    const waiting = reads.get(said.id)
    reads.delete(said.id)
    if (said.type === 'bytes') waiting?.resolve(said.bytes)
    else waiting?.reject(fromWire(said.error))
  }
})
process.on('disconnect', () => process.exit(0))
setInterval(() => send({ type: 'alive', rss: process.memoryUsage.rss() }), filesAliveEvery).unref()

function giveUpRights(): void {
  // Absent before Node 24, and when a test runs this file by itself.
  const { permission } = process as { permission?: { drop?: (scope: string) => void } }
  permission?.drop?.('fs.read')
  if (process.getuid?.() !== 0) return
  process.setgroups?.([])
  process.setgid?.(nobody)
  process.setuid?.(nobody)
}

async function run({ disks, request }: ToFiles & { type: 'start' }): Promise<void> {
  try {
    const named = disks.map(({ name, size }, disk) => {
      const read = async (offset: number, into: Uint8Array): Promise<void> =>
        into.set(await ask(disk, offset, into.length))
      return { name, device: new PagedDevice({ size, read }, { where: name }) }
    })
    send({ type: 'done', answer: await answer(await findVolumes(named), request) })
  } catch (error) {
    send({ type: 'failed', error: toWire(error) })
  }
}

async function answer(volumes: readonly Volume[], request: FilesRequest): Promise<FilesAnswer> {
  if (request.do === 'volumes') return { volumes: volumes.map(factsOf) }
  const volume = chooseVolume(volumes, request.volume)
  const { reader, id } = volume
  if (request.do === 'send') {
    const files: FoundFile[] = []
    for (const path of request.paths) files.push(await findFile(reader, path, id))
    await sendFiles(reader, files, request.format)
    return { volume: factsOf(volume) }
  }
  const from = await findFile(reader, request.path, id)
  const found = request.do === 'list' ? entriesOf(reader, from) : searched(reader, from, request.name)
  return { volume: factsOf(volume), more: await sendItems(reader, found, request.limit) }
}

/** What is in a directory; a file stands for itself. */
async function* entriesOf(reader: FileSystemReader, from: FoundFile): AsyncGenerator<FoundFile> {
  if (from.node.kind === 'directory') yield* listDirectory(reader, from)
  else yield from
}

async function* searched(reader: FileSystemReader, from: FoundFile, name: string): AsyncGenerator<FoundFile> {
  const matches = nameMatcher(name)
  for await (const found of walkFiles(reader, from)) if (found.problem === undefined && matches(found.name)) yield found
}

/** Whether there were more than `limit`. */
async function sendItems(reader: FileSystemReader, found: AsyncIterable<FoundFile>, limit: number): Promise<boolean> {
  let items: FileFacts[] = []
  let count = 0
  for await (const { path, name, node } of found) {
    if (count++ >= limit) {
      if (items.length > 0) await deliver({ type: 'items', items })
      return true
    }
    const { id: _, accessed: __, ...facts } = node
    const target = node.kind === 'link' ? await reader.target(node).catch(() => undefined) : undefined
    items.push({ path, name, ...facts, ...(target !== undefined && { target }) })
    if (items.length < piece) continue
    await deliver({ type: 'items', items })
    items = []
  }
  if (items.length > 0) await deliver({ type: 'items', items })
  return false
}

async function sendFiles(reader: FileSystemReader, files: readonly FoundFile[], wish: SentFormat): Promise<void> {
  const [first] = files
  if (!first) return
  const isOne = files.length === 1 && first.node.kind === 'file'
  const format = wish === 'auto' ? (isOne ? 'raw' : 'zip') : wish
  const base = first.name === '' || files.length > 1 ? 'files' : first.name
  if (format === 'raw') {
    if (!isOne) {
      throw fileErrors.unsupported({ where: first.path, what: 'what is not one plain file' })
    }
    send({ type: 'begin', name: first.name, length: first.node.size })
    for await (const bytes of reader.content(first.node)) await deliver({ type: 'part', bytes })
    return
  }
  const entries = archiveEntries(reader, files)
  send({ type: 'begin', name: `${base}.${format}` })
  for await (const bytes of gathered(format === 'tar' ? tarArchive(entries) : zipArchive(entries))) {
    await deliver({ type: 'part', bytes })
  }
}

/** Small parts together: headers are many, and each message costs. */
async function* gathered(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let size = 0
  for await (const part of parts) {
    held.push(part)
    size += part.length
    if (size < 256 * 1024) continue
    yield held.length === 1 ? part : Buffer.concat(held)
    held = []
    size = 0
  }
  if (size > 0) yield Buffer.concat(held)
}

function factsOf({ id, size, holds, reader, problem }: Volume): VolumeFacts {
  return {
    id,
    size,
    holds,
    label: reader?.label ?? '',
    uuid: reader?.uuid ?? '',
    readable: reader !== undefined,
    ...(reader?.free !== undefined && { free: reader.free }),
    notes: problem === undefined ? (reader?.warnings ?? []) : [problem],
  }
}

async function ask(disk: number, offset: number, length: number): Promise<Uint8Array> {
  const id = nextRead++
  const waiting = Promise.withResolvers<Uint8Array>()
  reads.set(id, waiting)
  send({ type: 'read', id, disk, offset, length })
  return await waiting.promise
}

/** Sends what the other end must take before more is made. */
async function deliver(message: FromFiles): Promise<void> {
  taken = Promise.withResolvers()
  send(message)
  await taken.promise
}

function send(message: FromFiles): void {
  if (process.connected) process.send?.(message)
}
