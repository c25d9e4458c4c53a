import { isRecord } from '@nixen/core'
import { ContentList, type BlobRuns } from './content-list.ts'

/** One entry of a tree (restic's design document, "Trees and Data"). Fields of restic that Nixen has no use for are kept in `other`. */
export interface TreeNode {
  readonly name: string
  readonly type: 'file' | 'dir' | 'symlink' | 'other'
  /** Bytes. */
  readonly size: number
  /** Epoch milliseconds. */
  readonly modified: number
  /** Go's file mode: permission bits, and 0x80000000 for directories. */
  readonly mode: number
  /** Blobs of a file. */
  readonly content?: ContentList | undefined
  /** Tree of a directory. */
  readonly subtree?: string | undefined
}

/** A node to be written; its content may be made on the way. */
export type NewTreeNode = Omit<TreeNode, 'content'> & { readonly content?: BlobRuns | undefined }

export interface Tree {
  readonly id: string
  readonly nodes: readonly TreeNode[]
}

const directoryBit = 0x8000_0000
const idPattern = /^[0-9a-f]{64}$/

/** Who the files of a restore point belong to: the user that made it. */
export interface Owner {
  readonly uid: number
  readonly gid: number
  readonly user: string
}

/** The JSON members of a node before and after its content; in restic's order. */
export function encodeNode(node: NewTreeNode, owner: Owner): { before: string; after: string } {
  const time = new Date(node.modified).toISOString()
  const head = {
    name: node.name,
    type: node.type,
    mode: node.type === 'dir' ? (node.mode | directoryBit) >>> 0 : node.mode,
    mtime: time,
    atime: time,
    ctime: time,
    uid: owner.uid,
    gid: owner.gid,
    user: owner.user,
    ...(node.type === 'file' ? { size: node.size, links: 1 } : {}),
  }
  const text = JSON.stringify(head)
  if (node.type === 'dir')
    return { before: `${text.slice(0, -1)},"content":null,"subtree":"${node.subtree}"}`, after: '' }
  return { before: `${text.slice(0, -1)},"content":[`, after: ']}' }
}

/** Nodes of the JSON of a tree whose content lists were taken out and stand in `contents`; or the reason why it is none. */
export function decodeNodes(
  value: unknown,
  contents: readonly ContentList[] | undefined,
): { nodes: TreeNode[] } | { reason: string } {
  const list = isRecord(value) ? value['nodes'] : undefined
  if (!Array.isArray(list)) return { reason: 'it has no list of nodes' }
  const nodes: TreeNode[] = []
  for (const item of list as unknown[]) {
    const node = decodeNode(item, contents)
    if (!node) return { reason: `entry ${nodes.length} is invalid` }
    nodes.push(node)
  }
  return { nodes }
}

function decodeNode(item: unknown, contents: readonly ContentList[] | undefined): TreeNode | undefined {
  if (!isRecord(item)) return undefined
  const { name, type, size, mode, mtime, content, subtree } = item
  if (typeof name !== 'string' || name === '' || name.includes('/') || name === '.' || name === '..') return undefined
  const base = {
    name,
    size: typeof size === 'number' && Number.isSafeInteger(size) ? size : 0,
    mode: typeof mode === 'number' ? (mode & ~directoryBit) >>> 0 : 0o600,
    modified: (typeof mtime === 'string' && Date.parse(mtime)) || 0,
  }
  if (type === 'dir') {
    return typeof subtree === 'string' && idPattern.test(subtree) ? { ...base, type, subtree } : undefined
  }
  if (type === 'symlink') return { ...base, type }
  if (type !== 'file') return typeof type === 'string' ? { ...base, type: 'other' } : undefined
  const ids = decodeContent(content, contents)
  return ids && { ...base, type, content: ids }
}

function decodeContent(content: unknown, contents: readonly ContentList[] | undefined): ContentList | undefined {
  if (content === null || content === undefined) return new ContentList()
  if (typeof content === 'number') return contents?.[content]
  if (!Array.isArray(content)) return undefined
  const list = new ContentList(content.length)
  for (const id of content as unknown[]) {
    if (typeof id !== 'string' || !idPattern.test(id)) return undefined
    list.push(Buffer.from(id, 'hex'))
  }
  return list
}
