import { isAppError } from '@nixen/core'
import type { Repository, SignalOption } from '../repository/repository.ts'
import type { Snapshot } from '../snapshot/snapshot.ts'
import type { TreeNode } from '../tree/node.ts'
import { loadTree } from '../tree/read-tree.ts'
import type { Affected, DiskRange } from './finding.ts'

/** Ranges of one blob in one file that are told; more of them say nothing new. */
const maxRanges = 1000

/** Where one lost blob is missing, below some tree. */
interface Hole {
  readonly blob: string
  readonly path: string
  readonly ranges: DiskRange[]
}

/**
 * Which restore points, files and ranges need the lost blobs (`data:<id>`, `tree:<id>`). Reads the trees again; only called when something is lost.
 */
export async function findAffected(
  repository: Repository,
  { snapshots, lost }: { snapshots: readonly Snapshot[]; lost: ReadonlySet<string> },
  options: SignalOption = {},
): Promise<Map<string, Affected[]>> {
  const byBlob = new Map<string, Affected[]>()
  const known = new Map<string, readonly Hole[]>()
  for (const { id: snapshot, time, hostname, tree } of snapshots) {
    for (const { blob, path, ranges } of await holesBelow(tree)) {
      const affected: Affected = { snapshot, time, hostname, path: path || '/', ranges }
      const list = byBlob.get(blob)
      if (list) list.push(affected)
      else byBlob.set(blob, [affected])
    }
  }
  return byBlob

  async function holesBelow(tree: string): Promise<readonly Hole[]> {
    const before = known.get(tree)
    if (before) return before
    options.signal?.throwIfAborted()
    const holes: Hole[] = []
    known.set(tree, holes)
    const nodes = lost.has(`tree:${tree}`) ? undefined : await nodesOf(repository, tree, options)
    if (!nodes) holes.push({ blob: `tree:${tree}`, path: '', ranges: [] })
    for (const node of nodes ?? []) {
      holes.push(...holesInFile(repository, node, lost))
      if (node.subtree === undefined) continue
      for (const hole of await holesBelow(node.subtree)) holes.push({ ...hole, path: `/${node.name}${hole.path}` })
    }
    return holes
  }
}

async function nodesOf(
  repository: Repository,
  tree: string,
  options: SignalOption,
): Promise<readonly TreeNode[] | undefined> {
  try {
    return (await loadTree(repository, tree, options)).nodes
  } catch (error) {
    options.signal?.throwIfAborted()
    // The walk before this one has reported it.
    if (isAppError(error)) return undefined
    throw error
  }
}

function holesInFile(repository: Repository, node: TreeNode, lost: ReadonlySet<string>): Hole[] {
  const holes = new Map<string, Hole>()
  const unknown = lengthOfUnknown(repository, node)
  let offset = 0
  for (const { id, count } of node.content?.runs() ?? []) {
    const entry = repository.index.find('data', id)
    const length = (entry < 0 ? unknown : repository.index.plainLength(entry)) * count
    const blob = `data:${Buffer.from(id).toString('hex')}`
    if (lost.has(blob)) {
      const hole = holes.get(blob) ?? { blob, path: `/${node.name}`, ranges: [] }
      holes.set(blob, hole)
      addRange(hole.ranges, { offset, length: Math.min(length, Math.max(0, node.size - offset)) })
    }
    offset += length
  }
  return [...holes.values()]
}

/** Bytes of each blob that no index names: what the others leave of the file's size, in equal parts. Exact when the disk was cut in equal pieces. */
export function lengthOfUnknown({ index }: Repository, node: TreeNode): number {
  let [known, unknown, largest] = [0, 0, 0]
  for (const { id, count } of node.content?.runs() ?? []) {
    const entry = index.find('data', id)
    if (entry < 0) unknown += count
    else {
      known += index.plainLength(entry) * count
      largest = Math.max(largest, index.plainLength(entry))
    }
  }
  if (unknown === 0) return 0
  const share = Math.ceil((node.size - known) / unknown)
  // The last piece of a disk may be shorter than the others.
  return largest > share && (node.size - known) % largest !== 0 && unknown * largest - (node.size - known) < largest
    ? largest
    : share
}

function addRange(ranges: DiskRange[], next: DiskRange): void {
  const last = ranges.at(-1)
  if (last && last.offset + last.length === next.offset) {
    ranges[ranges.length - 1] = { offset: last.offset, length: last.length + next.length }
  } else if (ranges.length < maxRanges) ranges.push(next)
}
