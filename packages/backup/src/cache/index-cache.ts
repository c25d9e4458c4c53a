import { randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { isRecord, systemCode, viewOf } from '@nixen/core'
import { BlobIndex } from '../index/blob-index.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'

/**
 * The index of a repository in one local file, so that opening a large one need not parse all index files again. It only repeats what the repository says: it
 * names the index files it was made of, and counts only while all of them are there. It is sealed with the repository's key, since ids of blobs tell who
 * has the same content.
 *
 * Plain layout: length of the header (4 bytes, little-endian), header (JSON: `format`, `repository`, `files`, `packs`), entries (48 bytes each).
 */
const format = 1

/**
 * Writes the cache. Only call it when every blob that is in the index is named by a durable index file: what it says is believed by the next backup.
 */
export async function saveIndexCache(repository: Repository, file: string): Promise<void> {
  const header = Buffer.from(
    JSON.stringify({
      format,
      repository: repository.id,
      files: [...repository.indexFiles],
      packs: repository.index.packs,
    }),
  )
  const entries = repository.index.placedEntries()
  const plain = Buffer.allocUnsafe(4 + header.length + entries.byteLength)
  viewOf(plain).setUint32(0, header.length, true)
  plain.set(header, 4)
  plain.set(entries, 4 + header.length)
  const sealed = repository.sealer.seal(plain)
  await mkdir(path.dirname(file), { recursive: true })
  const temporary = `${file}.${randomUUID()}.tmp`
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(sealed)
      await handle.datasync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/**
 * Puts the cached index in place if it fits the repository as it is now; `refreshIndex` then reads only what is new. A cache that is absent, damaged, of
 * another repository, or made of index files that are gone is passed over. Whether it was used.
 */
export async function readIndexCache(
  repository: Repository,
  file: string,
  options: SignalOption = {},
): Promise<boolean> {
  const sealed = await readFile(file, options).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error
  })
  const plain = sealed && repository.sealer.open(sealed)
  if (!plain || plain.length < 4) return false
  const end = 4 + viewOf(plain).getUint32(0, true)
  const header = parse(plain.subarray(4, end), repository.id)
  if (!header) return false
  const present = new Set<string>()
  for await (const { name } of repository.storage.list('index', options)) present.add(name)
  if (header.files.some((name) => !present.has(name))) return false
  repository.useIndex(BlobIndex.fromEntries(header.packs, plain.subarray(end)), new Set(header.files))
  return true
}

function parse(json: Uint8Array, repository: string): { files: string[]; packs: string[] } | undefined {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(json).toString('utf8'))
  } catch {
    // A cache of another version of Nixen.
    return undefined
  }
  if (!isRecord(value) || value['format'] !== format || value['repository'] !== repository) return undefined
  const { files, packs } = value
  return isTexts(files) && isTexts(packs) ? { files, packs } : undefined
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
