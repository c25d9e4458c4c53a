import { open, readdir, readFile, realpath, stat } from 'node:fs/promises'
import { dirname, join, posix, sep } from 'node:path'
import { isRecord, messageOf, systemCode } from '@nixen/core'
import { openLocalFile, type DiskFile } from '@nixen/disk'
import { noSeal, sealOf, type XoSeal } from './cipher.ts'
import { xoErrors } from './errors.ts'

/** Files that are never sealed. */
const plainFiles = new Set(['encryption.json', 'immutability.json'])
/** Largest description that is read, bytes. */
const mostJson = 64 * 1024 * 1024

/** The files of a repository of Xen Orchestra. Names are relative to its root, with slashes. Only reads. */
export class XoStore {
  readonly root: string
  readonly seal: XoSeal

  private constructor(root: string, seal: XoSeal) {
    this.root = root
    this.seal = seal
  }

  /**
   * Opens a folder: of a disk, a mounted share or bucket.
   *
   * @throws xo.not_a_repository, key_needed, wrong_key, unknown_cipher
   */
  static async open(folder: string, { key }: { readonly key?: string | undefined } = {}): Promise<XoStore> {
    const root = await realpath(folder).catch((cause: unknown) => {
      throw xoErrors.not_a_repository({ path: folder }, { cause })
    })
    const plain = new XoStore(root, noSeal)
    const names = new Set(await plain.list(''))
    const isOne = ['xo-vm-backups', 'xo-config-backups', 'xo-pool-metadata-backups'].some((name) => names.has(name))
    if (!isOne) throw xoErrors.not_a_repository({ path: folder })
    const algorithm = names.has('encryption.json') ? algorithmOf(await plain.json('encryption.json')) : 'none'
    if (algorithm === 'none') return plain
    if (algorithm !== 'chacha20-poly1305' && algorithm !== 'aes-256-gcm') {
      throw xoErrors.unknown_cipher({ path: folder, algorithm })
    }
    if (key === undefined) throw xoErrors.key_needed({ path: folder, algorithm })
    if (Buffer.byteLength(key) !== 32) throw xoErrors.wrong_key({ path: folder })
    const store = new XoStore(root, sealOf(algorithm, key))
    // A file that is there to prove the key.
    if (names.has('metadata.json')) {
      await store.read('metadata.json').catch((cause: unknown) => {
        throw xoErrors.wrong_key({ path: folder }, { cause })
      })
    }
    return store
  }

  /** The whole of a file, opened. @throws xo.missing, damaged */
  async read(name: string): Promise<Buffer> {
    const path = await this.#place(name)
    const bytes = await readFile(path).catch((cause: unknown) => {
      throw this.#failed(name, cause)
    })
    return plainFiles.has(name) || name.endsWith('.checksum') ? bytes : this.seal.open(name, bytes)
  }

  /** A JSON file. @throws xo.missing, damaged */
  async json(name: string): Promise<unknown> {
    const { size } = await this.stat(name)
    if (size > mostJson) throw xoErrors.damaged({ file: name, what: `it has ${size} bytes` })
    const bytes = await this.read(name)
    try {
      return JSON.parse(bytes.toString('utf8'))
    } catch (cause) {
      throw xoErrors.damaged({ file: name, what: 'it is not JSON' }, { cause })
    }
  }

  /** Names in a folder; none when it is not there. */
  async list(folder: string): Promise<string[]> {
    try {
      return await readdir(await this.#place(folder))
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '') || isMissing(error)) return []
      throw this.#failed(folder, error)
    }
  }

  /** @throws xo.missing */
  async stat(name: string): Promise<{ readonly size: number; readonly isFolder: boolean }> {
    const found = await stat(await this.#place(name)).catch((cause: unknown) => {
      throw this.#failed(name, cause)
    })
    return { size: found.size, isFolder: found.isDirectory() }
  }

  async exists(name: string): Promise<boolean> {
    return await this.stat(name).then(
      () => true,
      () => false,
    )
  }

  /** A plain file for reading at any place. */
  async file(name: string): Promise<DiskFile> {
    return await openLocalFile(await this.#place(name))
  }

  /** Bytes of a file as they are stored, from front to back. */
  async *stored(name: string): AsyncGenerator<Buffer> {
    const file = await open(await this.#place(name), 'r')
    try {
      for (const buffer = Buffer.allocUnsafe(1024 * 1024); ;) {
        const { bytesRead } = await file.read(buffer)
        if (bytesRead === 0) return
        yield Buffer.from(buffer.subarray(0, bytesRead))
      }
    } finally {
      await file.close()
    }
  }

  /** What a reference in a file means: relative to the folder of that file. @throws xo.outside */
  resolve(from: string, reference: string): string {
    const name = posix.normalize(posix.join(posix.dirname(from), reference.replaceAll('\\', '/')))
    if (reference.startsWith('/') || name === '..' || name.startsWith('../')) {
      throw xoErrors.outside({ file: from, reference })
    }
    return name
  }

  /** Where a file is. Symbolic links do not lead out. */
  async #place(name: string): Promise<string> {
    const path = join(this.root, name)
    const real = await realpath(path).catch((cause: unknown) => {
      throw this.#failed(name, cause)
    })
    if (real !== this.root && !real.startsWith(this.root + sep))
      throw xoErrors.outside({ file: dirname(name), reference: name })
    return real
  }

  #failed(name: string, cause: unknown): unknown {
    if (!(cause instanceof Error) || 'status' in cause) return cause
    if (systemCode(cause) === 'ENOENT' || systemCode(cause) === 'ENOTDIR')
      return xoErrors.missing({ file: name }, { cause })
    return xoErrors.damaged({ file: name, what: messageOf(cause) }, { cause })
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'xo.missing'
}

function algorithmOf(value: unknown): string {
  const algorithm = isRecord(value) ? value['algorithm'] : undefined
  return typeof algorithm === 'string' ? algorithm : 'none'
}
