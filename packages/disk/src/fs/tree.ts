import { messageOf } from '@nixen/core'
import { fileErrors } from './errors.ts'
import { bounds, type FileNode, type FileSystemReader, type NamedNode } from './model.ts'

/** A file with its place. */
export interface FoundFile {
  /** From the root of the volume: `/etc/fstab`. */
  readonly path: string
  readonly name: string
  readonly node: FileNode
}

/** The file of a path. Links are not followed: what they point to may be on another volume. @throws file.not_found, file.not_a_directory */
export async function findFile(reader: FileSystemReader, path: string, where: string): Promise<FoundFile> {
  let node = await reader.node(reader.root)
  let at = ''
  for (const part of path.split('/').filter((one) => one !== '')) {
    if (node.kind !== 'directory') throw fileErrors.not_a_directory({ path: at })
    const named = await findName(reader, node, part)
    if (!named) throw fileErrors.not_found({ path, where })
    at = `${at}/${named.name}`
    node = await stat(reader, named)
  }
  return { path: at === '' ? '/' : at, name: at.slice(at.lastIndexOf('/') + 1), node }
}

async function findName(reader: FileSystemReader, directory: FileNode, name: string): Promise<NamedNode | undefined> {
  const folded = reader.ignoresCase ? name.toLowerCase() : name
  for await (const named of reader.names(directory)) {
    if (named.name === name || (reader.ignoresCase && named.name.toLowerCase() === folded)) return named
  }
  return undefined
}

/** Names of a directory with what they are. One that cannot be read is `damaged`, with the reason. */
export async function* listDirectory(reader: FileSystemReader, directory: FoundFile): AsyncGenerator<FoundFile> {
  if (directory.node.kind !== 'directory') throw fileErrors.not_a_directory({ path: directory.path })
  for await (const named of reader.names(directory.node)) {
    const path = directory.path === '/' ? `/${named.name}` : `${directory.path}/${named.name}`
    yield { path, name: named.name, node: await stat(reader, named) }
  }
}

async function stat(reader: FileSystemReader, { id, node }: NamedNode): Promise<FileNode> {
  if (node) return node
  try {
    const read = await reader.node(id)
    return read.kind === 'damaged' ? { ...read, problem: 'the name points to nothing' } : read
  } catch (error) {
    return { id, kind: 'damaged', size: 0, problem: messageOf(error) }
  }
}

/** Something of a tree, or a directory that could not be read. */
export interface Walked extends FoundFile {
  /** Why the names in a directory are not all there. */
  readonly problem?: string | undefined
}

/** Everything under a file, itself first, a directory before what is in it. A directory that comes again (a hostile disk) is passed over. */
export async function* walkFiles(reader: FileSystemReader, start: FoundFile): AsyncGenerator<Walked> {
  const seen = new Set<number>()
  const open: FoundFile[] = [start]
  for (let file = open.pop(); file; file = open.pop()) {
    const { node, path } = file
    const again = node.kind === 'directory' && seen.has(node.id)
    if (node.kind !== 'directory' || again) {
      yield again ? { ...file, problem: 'the directory is in itself, or there twice' } : file
      continue
    }
    seen.add(node.id)
    if (path.split('/').length > bounds.depth) {
      yield { ...file, problem: `more than ${bounds.depth} directories inside of each other` }
      continue
    }
    yield file
    const inside: FoundFile[] = []
    try {
      for await (const one of listDirectory(reader, file)) {
        // Files are told as they come; what is in directories comes after.
        if (one.node.kind === 'directory') inside.push(one)
        else yield one
      }
    } catch (error) {
      yield { ...file, problem: messageOf(error) }
    }
    // The first one is taken next.
    open.push(...inside.reverse())
  }
}

/** A test of names: `*` and `?` stand for any letters, without them a part of the name is enough. Case does not matter. */
export function nameMatcher(pattern: string): (name: string) => boolean {
  const folded = pattern.toLowerCase()
  if (!/[*?]/.test(folded)) return (name) => name.toLowerCase().includes(folded)
  return (name) => matches(folded, name.toLowerCase())
}

/** By hand, not by a regular expression: its time is bounded by the product of the lengths. */
function matches(pattern: string, name: string): boolean {
  let [p, n, star, mark] = [0, 0, -1, 0]
  while (n < name.length) {
    if (p < pattern.length && pattern[p] === '*') {
      star = p++
      mark = n
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === name[n])) {
      p++
      n++
    } else if (star >= 0) {
      p = star + 1
      n = ++mark
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}
