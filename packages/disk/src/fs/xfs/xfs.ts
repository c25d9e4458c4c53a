import { fileErrors } from '../errors.ts'
import type { Device } from '../device.ts'
import type { FileNode, FileSystemReader, NamedNode } from '../model.ts'
import { readRuns } from '../runs.ts'
import { directoryNames } from './directory.ts'
import { inodeRuns, readInode, type XfsInode, type XfsSpace } from './inode.ts'
import { logIsClean } from './log.ts'
import { readXfsSuperblock } from './superblock.ts'

/** XFS of versions 4 and 5. Its log is not replayed; where it holds something, that is said. @throws file.damaged, file.unsupported */
export async function openXfs(device: Device): Promise<FileSystemReader> {
  const superblock = await readXfsSuperblock(device)
  const space: XfsSpace = { device, superblock }
  const { root, label, uuid, blocks, freeBlocks, blockSize } = superblock
  return {
    kind: 'xfs',
    name: 'XFS',
    label,
    uuid,
    size: blocks * blockSize,
    free: freeBlocks * blockSize,
    warnings: (await logIsClean(space))
      ? []
      : ['It was in use: what its log held at that moment is not taken into account.'],
    ignoresCase: false,
    root,
    node: async (id) => (await readInode(space, id)).node,
    names: (directory) => names(space, directory),
    content: (file) => content(space, file),
    target: (link) => target(space, link),
  }
}

async function* names(space: XfsSpace, directory: FileNode): AsyncGenerator<NamedNode> {
  const inode = await readInode(space, directory.id)
  if (inode.node.kind !== 'directory') throw damaged(space, `inode ${directory.id} is no directory`)
  yield* directoryNames(space, inode)
}

async function* content(space: XfsSpace, file: FileNode): AsyncGenerator<Uint8Array> {
  const inode = await readInode(space, file.id)
  if (inode.realTime) {
    throw fileErrors.unsupported({ where: space.device.where, what: 'a file on a real-time section of XFS' })
  }
  yield* readRuns(space.device, inodeRuns(space, inode), inode.node.size)
}

async function target(space: XfsSpace, link: FileNode): Promise<string> {
  const inode = await readInode(space, link.id)
  const { size } = inode.node
  if (size > 1024) throw damaged(space, `the target of link ${link.id} is too long`)
  if (inode.fork === 'local') return inode.data.toString('utf8', 0, size)
  return await remoteTarget(space, inode)
}

/** Version 5 has a header of 56 bytes before each part. */
async function remoteTarget(space: XfsSpace, inode: XfsInode): Promise<string> {
  const header = space.superblock.version === 5 ? 56 : 0
  const { blockSize } = space.superblock
  const parts: Buffer[] = []
  let left = inode.node.size
  for await (const run of inodeRuns(space, inode)) {
    for (let at = 0; at < run.length && left > 0 && run.start !== undefined; at += blockSize) {
      const block = await space.device.read(run.start + at, blockSize)
      const part = block.subarray(header, header + Math.min(left, blockSize - header))
      parts.push(part)
      left -= part.length
    }
  }
  return Buffer.concat(parts).toString('utf8')
}

function damaged({ device: { where } }: XfsSpace, what: string): Error {
  return fileErrors.damaged({ where, what })
}
