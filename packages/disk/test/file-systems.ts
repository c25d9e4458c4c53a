import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, mkdir, open, readFile, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { zstdDecompressSync } from 'node:zlib'
import { findVolumes, findFile, PagedDevice, walkFiles, type FileSystemReader, type Volume } from '../src/fs/index.ts'

const run = promisify(execFile)

/** A tree with what file systems do differently: long names, links, holes, many names in one directory, nothing. */
export async function makeTree(folder: string): Promise<void> {
  await mkdir(join(folder, 'sub/deep'), { recursive: true })
  await mkdir(join(folder, 'many'))
  await writeFile(join(folder, 'hello.txt'), 'hello\n')
  await chmod(join(folder, 'hello.txt'), 0o640)
  await writeFile(join(folder, 'text.bin'), text(400_000))
  await writeFile(join(folder, 'sub/deep/a'), 'a')
  await writeFile(join(folder, 'empty'), '')
  const sparse = await open(join(folder, 'sparse.bin'), 'w')
  await sparse.write('end', 3 * 1024 * 1024)
  await sparse.close()
  for (let index = 0; index < 300; index++) {
    await writeFile(
      join(folder, `many/file-${String(index).padStart(5, '0')}-with-a-rather-long-name.txt`),
      String(index),
    )
  }
}

/** Links, where a file system has them. */
export async function addLinks(folder: string): Promise<void> {
  await symlink('hello.txt', join(folder, 'link'))
  await symlink('x'.repeat(200), join(folder, 'longlink'))
}

/** Lines that count, `length` bytes of them. */
export function text(length: number): Buffer {
  const lines: string[] = []
  for (let size = 0, index = 1; size < length; index++) {
    lines.push(`${index}\n`)
    size += String(index).length + 1
  }
  return Buffer.from(lines.join('')).subarray(0, length)
}

/** Runs a tool; its output is in the error when it fails. */
export async function tool(command: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(command, args, {
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, LC_ALL: 'C.UTF-8', PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
  })
  return stdout
}

export async function emptyImage(path: string, size: number): Promise<string> {
  await writeFile(path, '')
  await truncate(path, size)
  return path
}

/** A file of this folder, decompressed. */
export async function fixture(name: string): Promise<Buffer> {
  return zstdDecompressSync(await readFile(new URL(`./file-systems/${name}.zst`, import.meta.url)))
}

/** The volumes of disks that are in memory. */
export async function volumesIn(...disks: readonly Buffer[]): Promise<Volume[]> {
  const named = disks.map((bytes, index) => {
    const name = `disk${index + 1}`
    const read = (offset: number, into: Uint8Array): Promise<void> => {
      bytes.copy(into, 0, offset, offset + into.length)
      return Promise.resolve()
    }
    return { name, device: new PagedDevice({ size: bytes.length, read }, { where: name }) }
  })
  return await findVolumes(named)
}

/** Everything in a file system: for each path its kind, size and SHA-256 or target. */
export async function contentOf(reader: FileSystemReader): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for await (const { path, node, problem } of walkFiles(reader, await findFile(reader, '/', 'test'))) {
    if (problem !== undefined || node.problem !== undefined) found.set(path, `problem: ${problem ?? node.problem}`)
    else if (node.kind === 'link') found.set(path, `link ${await reader.target(node)}`)
    else if (node.kind === 'file') found.set(path, `file ${node.size} ${await hash(reader.content(node))}`)
    else found.set(path, node.kind)
  }
  found.delete('/')
  found.delete('/lost+found')
  return found
}

export async function hash(parts: AsyncIterable<Uint8Array>): Promise<string> {
  const sum = createHash('sha256')
  for await (const part of parts) sum.update(part)
  return sum.digest('hex')
}

/** What `contentOf` should find of a folder here. */
export async function expectedOf(folder: string): Promise<Map<string, string>> {
  const lines = (await tool('find', folder, '-mindepth', '1', '-printf', '%P\\t%y\\t%s\\t%l\\n')).trim().split('\n')
  const found = new Map<string, string>()
  for (const line of lines) {
    const [path = '', kind, size, target] = line.split('\t')
    if (kind === 'd') found.set(`/${path}`, 'directory')
    else if (kind === 'l') found.set(`/${path}`, `link ${target}`)
    else
      found.set(
        `/${path}`,
        `file ${size} ${createHash('sha256')
          .update(await readFile(join(folder, path)))
          .digest('hex')}`,
      )
  }
  return found
}
