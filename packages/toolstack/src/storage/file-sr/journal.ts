import { readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, join, parse } from 'node:path'
import { isRecord, isUuid, messageOf, systemCode, type Log } from '@nixen/core'
import { decodeCbtLog, encodeCbtLog } from '../cbt/cbt-log.ts'
import { removeCbtLog } from '../cbt/cbt-directory.ts'
import { removeDurable, syncDirectory, writeDurable } from './durable.ts'
import { openLayer } from './image.ts'

/**
 * A change of the tree that takes several steps, written down before the first step that would not be harmless by itself, and removed after
 * the last. What an entry of each kind means for the one who finds it after a crash is in {@link recover}.
 */
export type JournalEntry =
  /** `leaf` gets a new parent `base`, which takes its data, and `child` becomes another child of it. */
  | { readonly kind: 'clone'; readonly leaf: string; readonly base: string; readonly child: string }
  /** The data of `image` is in `parent`; its children move to the parent, then it is removed. */
  | { readonly kind: 'coalesce'; readonly image: string; readonly parent: string }
  /** The data of `leaf` is in `parent`, which takes its name. */
  | { readonly kind: 'leaf'; readonly leaf: string; readonly parent: string }
  /** File and log of `image`, which nothing stands on, go. */
  | { readonly kind: 'destroy'; readonly image: string }

const kinds = ['clone', 'coalesce', 'leaf', 'destroy'] as const
const keys = {
  clone: ['leaf', 'base', 'child'],
  coalesce: ['image', 'parent'],
  leaf: ['leaf', 'parent'],
  destroy: ['image'],
} as const

/** Formats whose images stand on others. */
const chained = ['vhd', 'qcow2'] as const

function pathOf(directory: string, entry: JournalEntry): string {
  return join(directory, `${entry.kind}_${'image' in entry ? entry.image : entry.leaf}`)
}

/** Writes an entry, does `work`, and removes the entry. When `work` fails the entry is recovered at once. */
export async function journaled(directory: string, entry: JournalEntry, work: () => Promise<void>): Promise<void> {
  const path = pathOf(directory, entry)
  await writeDurable(path, JSON.stringify(entry))
  try {
    await work()
  } catch (error) {
    await recoverEntry(directory, entry)
    await removeDurable(path)
    throw error
  }
  await removeDurable(path)
}

/** Finishes or takes back what a crash left, and removes files that were never complete. */
export async function recover(directory: string, log: Log): Promise<void> {
  for (const name of await readdir(directory)) {
    const kind = kinds.find((candidate) => name.startsWith(`${candidate}_`) && isUuid(name.slice(candidate.length + 1)))
    if (!kind) continue
    const path = join(directory, name)
    const entry = parseEntry(await readFile(path, 'utf8'))
    if (entry) {
      log.info('a change of the SR is recovered', { ...entry, directory })
      await recoverEntry(directory, entry)
    }
    await removeDurable(path)
  }
  for (const name of await readdir(directory)) {
    if (
      /^\..*\.partial$/.test(name) ||
      /^[0-9a-f-]{36}\.(?:vhd|raw|qcow2|cbtlog)\.new$/.test(name) ||
      /^(?:clone|coalesce|leaf|destroy)_.*\.new$/.test(name)
    ) {
      await rm(join(directory, name), { force: true })
    }
  }
  await syncDirectory(directory)
}

function parseEntry(text: string): JournalEntry | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new TypeError(`A journal of the SR is damaged: ${messageOf(error)}`, { cause: error })
  }
  if (!isRecord(value)) return undefined
  const kind = kinds.find((candidate) => candidate === value['kind'])
  if (!kind || !keys[kind].every((key) => typeof value[key] === 'string' && isUuid(value[key]))) return undefined
  // Its kind and the fields of that kind were just checked.
  return value as unknown as JournalEntry
}

async function recoverEntry(directory: string, entry: JournalEntry): Promise<void> {
  switch (entry.kind) {
    case 'clone':
      return await recoverClone(directory, entry)
    case 'coalesce':
      return await recoverCoalesce(directory, entry)
    case 'leaf':
      return await recoverLeaf(directory, entry)
    case 'destroy':
      return await removeImage(directory, entry.image)
  }
}

/** Nobody was told of the child: it goes. The base stays if the leaf stands on it already, and is merged away later. */
async function recoverClone(
  directory: string,
  { leaf, base, child }: Extract<JournalEntry, { kind: 'clone' }>,
): Promise<void> {
  for (const format of chained) {
    const path = (uuid: string): string => join(directory, `${uuid}.${format}`)
    await rm(`${path(leaf)}.new`, { force: true })
    await rm(`${path(child)}.new`, { force: true })
    await rm(path(child), { force: true })
    const [leafFile, baseFile] = [await inodeOf(path(leaf)), await inodeOf(path(base))]
    if (baseFile === undefined) continue
    if (leafFile === baseFile) await rm(path(base))
    else if (leafFile === undefined) await rename(path(base), path(leaf))
    else {
      await using file = await openLayer({ path: path(base), format })
      await file.setHidden(true)
    }
  }
  await returnCbtLog(directory, leaf, child)
  await syncDirectory(directory)
}

/** The log that had become the snapshot's goes back to the disk. Nothing was written to the disk since. */
async function returnCbtLog(directory: string, leaf: string, child: string): Promise<void> {
  const path = (uuid: string): string => join(directory, `${uuid}.cbtlog`)
  await rm(`${path(leaf)}.new`, { force: true })
  const bytes = await readFile(path(child)).catch(ifMissing)
  if (!bytes) return
  const log = decodeCbtLog(bytes)
  await writeDurable(path(leaf), encodeCbtLog({ ...log, child: undefined }))
  if (log.parent !== undefined) await setCbtChild(directory, log.parent, leaf)
  await rm(path(child), { force: true })
}

/** Points the log of `uuid`, if there is one, to what comes after it. */
export async function setCbtChild(directory: string, uuid: string, child: string | undefined): Promise<void> {
  const path = join(directory, `${uuid}.cbtlog`)
  const bytes = await readFile(path).catch(ifMissing)
  if (bytes) await writeDurable(path, encodeCbtLog({ ...decodeCbtLog(bytes), child }))
}

/** The merge was complete: the children that still stand on the image move on. */
async function recoverCoalesce(
  directory: string,
  { image, parent }: Extract<JournalEntry, { kind: 'coalesce' }>,
): Promise<void> {
  for (const format of chained) {
    const path = join(directory, `${image}.${format}`)
    const into = join(directory, `${parent}.${format}`)
    if ((await inodeOf(path)) === undefined) continue
    await using below = await openLayer({ path: into, format })
    for (const name of await readdir(directory)) {
      const { name: uuid, ext } = parse(name)
      if (!isUuid(uuid) || ext !== `.${format}`) continue
      await using file = await openLayer({ path: join(directory, name), format })
      if (file.parent && parse(basename(file.parent.name)).name === image) {
        await file.setParent({ name: basename(into), uuid: below.uuid })
      }
    }
    await removeDurable(path)
  }
}

/** Until the parent has the leaf's name it is a parent, and hidden. */
async function recoverLeaf(
  directory: string,
  { leaf, parent }: Extract<JournalEntry, { kind: 'leaf' }>,
): Promise<void> {
  for (const format of chained) {
    const path = (uuid: string): string => join(directory, `${uuid}.${format}`)
    if ((await inodeOf(path(leaf))) === undefined) continue
    const swapped = (await inodeOf(path(parent))) === undefined
    await using file = await openLayer({ path: path(swapped ? leaf : parent), format })
    await file.setHidden(!swapped)
  }
}

/** Removes an image that nothing stands on, and its log; what the log says goes to the one after it. */
export async function removeImage(directory: string, uuid: string): Promise<void> {
  await removeCbtLog(directory, uuid)
  for (const format of ['vhd', 'raw', 'qcow2']) await rm(join(directory, `${uuid}.${format}`), { force: true })
  await syncDirectory(directory)
}

async function inodeOf(path: string): Promise<bigint | undefined> {
  const found = await stat(path, { bigint: true }).catch(ifMissing)
  return found?.ino
}

function ifMissing(error: unknown): undefined {
  if (systemCode(error) === 'ENOENT') return undefined
  throw error
}
