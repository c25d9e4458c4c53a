import { createHash, hash } from 'node:crypto'
import {
  ContentList,
  Repository,
  saveSnapshot,
  walkTree,
  writeTree,
  type Snapshot,
  type Storage,
  type TreeNode,
} from '@nixen/backup'
import { seededRandom, systemClock, type Clock } from '@nixen/core'

/** Cost of scrypt in tests. restic accepts any. */
export const testKdf = { N: 1024, r: 8, p: 1 }
export const testPassword = 'test'

/** Does not wait out short pauses: locks wait 200 ms for others, which a test that is alone need not. */
const hurriedClock: Clock = {
  ...systemClock,
  sleep: (ms, options) => systemClock.sleep(ms < 1000 ? 0 : ms, options),
}

/** An empty repository that opens quickly. */
export function makeRepository(storage: Storage): Promise<Repository> {
  return Repository.init(storage, { password: testPassword, kdf: testKdf, clock: hurriedClock })
}

export function openRepository(storage: Storage): Promise<Repository> {
  return Repository.open(storage, { password: testPassword, clock: hurriedClock })
}

/** Repeatable bytes that do not compress. */
export function randomContent(length: number, seed: number): Uint8Array {
  const random = seededRandom(seed)
  return Uint8Array.from({ length }, () => Math.floor(random() * 256))
}

export interface PointOptions {
  /** Content by file name. */
  readonly files: Readonly<Record<string, Uint8Array>>
  /** Epoch milliseconds. */
  readonly time: number
  readonly hostname?: string
  readonly tags?: readonly string[]
  /** Bytes of a blob; small, so that small files have many. */
  readonly chunk?: number
  /** Bytes of a pack. */
  readonly packSize?: number
}

/** Makes a restore point out of a few files, in the order of commits that every backup keeps: packs, index, snapshot. */
export async function addPoint(repository: Repository, options: PointOptions): Promise<Snapshot> {
  const { files, time, hostname = 'vm', tags = [], chunk = 4096, packSize = 48 * 1024 } = options
  const blobs = await repository.loadIndex()
  const index = repository.indexWriter()
  const packs = repository.packWriter({ index, targetSize: packSize })
  const added = new Set<string>()
  const nodes: TreeNode[] = []
  for (const [name, bytes] of Object.entries(files)) {
    const content = new ContentList()
    for (let at = 0; at < bytes.length; at += chunk) {
      const piece = bytes.subarray(at, at + chunk)
      const id = hash('sha256', piece, 'buffer')
      content.push(id)
      const hex = id.toString('hex')
      if (blobs.find('data', id) >= 0 || added.has(hex)) continue
      added.add(hex)
      await packs.add('data', hex, piece)
    }
    nodes.push({ name, type: 'file', size: bytes.length, modified: time, mode: 0o600, content })
  }
  const tree = await writeTree({ repository, packs }, nodes)
  await packs.flush()
  await index.flush()
  return saveSnapshot(repository, { time, tree, paths: ['/disks'], hostname, username: 'root', tags })
}

/** SHA-256 of every file of a restore point, by its path. Reads all, and so checks all. */
export async function digestsOf(
  repository: Repository,
  snapshot: Pick<Snapshot, 'tree'>,
): Promise<Record<string, string>> {
  const digests: Record<string, string> = {}
  for await (const { path, node } of walkTree(repository, snapshot.tree)) {
    if (node.type !== 'file') continue
    const digest = createHash('sha256')
    for (const { id, count } of node.content?.runs() ?? []) {
      const bytes = await repository.loadBlob('data', id)
      for (let i = 0; i < count; i++) digest.update(bytes)
    }
    digests[path] = digest.digest('hex')
  }
  return digests
}
