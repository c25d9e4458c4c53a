import { createHash } from 'node:crypto'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type ListObjectsV2CommandOutput,
  type PutObjectCommandInput,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import { concatBytes, isAppError } from '@nixen/core'
import { folderOf, isFileName, pathOf } from '../layout.ts'
import { storageErrors } from '../storage-errors.ts'
import type { FileId, FileKind, LoadOptions, Storage, StorageOptions, StorageProperties } from '../storage.ts'
import { s3Error, statusOf } from './s3-errors.ts'
import type { S3Retention, S3StorageOptions } from './s3-options.ts'

/** Object that is written to learn whether the store honours `If-None-Match`. Beside the folders of the repository, so restic never sees it. */
const probeName = 'x-nixen-probe'

/**
 * A repository in an S3 bucket, laid out as restic does. One request a file: packs are small enough to need no multipart upload. Does not repeat
 * failed requests: that is what the retrying decorator is for.
 */
export class S3Storage implements Storage {
  readonly #client: S3Client
  readonly #bucket: string
  readonly #prefix: string
  readonly #location: string
  readonly #connections: number
  readonly #retention: S3Retention | undefined
  readonly #now: () => number
  #conditional: Promise<boolean> | undefined
  #exclusiveCreate = false

  constructor(options: S3StorageOptions) {
    const { bucket, prefix = '', endpoint, connections = 8, retention, now = () => Date.now() } = options
    this.#client = new S3Client(clientConfig(options))
    this.#bucket = bucket
    this.#prefix = prefix === '' ? '' : `${prefix}/`
    this.#location = `${endpoint === undefined ? 's3:/' : `s3:${endpoint}`}/${bucket}/${this.#prefix}`.replace(
      /\/$/,
      '',
    )
    this.#connections = connections
    this.#retention = retention
    this.#now = now
  }

  /** `exclusiveCreate` is false until the first file is saved: only writing something tells what the store does. */
  get properties(): StorageProperties {
    return { location: this.#location, connections: this.#connections, exclusiveCreate: this.#exclusiveCreate }
  }

  /** Asks for the first name, so that a wrong address or wrong credentials show before anything else is tried. */
  async connect({ signal }: StorageOptions = {}): Promise<void> {
    await this.#page(this.#prefix, { signal, limit: 1 })
  }

  async save(file: FileId, parts: readonly Uint8Array[], { signal }: StorageOptions = {}): Promise<void> {
    const key = this.#keyOf(file)
    signal?.throwIfAborted()
    const conditional = await this.#honoursConditions(signal)
    if (!conditional && (await this.stat(file, { signal }))) throw storageErrors.exists({ where: this.#where(key) })
    const body = parts.length === 1 && parts[0] ? parts[0] : concatBytes(parts)
    await this.#put(
      {
        Key: key,
        Body: body,
        ContentLength: body.length,
        ChecksumSHA256: checksumOf(file, body),
        ...(conditional && { IfNoneMatch: '*' }),
        ...this.#lockUntil(file.kind),
      },
      signal,
    )
  }

  async load(file: FileId, { offset = 0, length, signal }: LoadOptions = {}): Promise<Uint8Array> {
    const key = this.#keyOf(file)
    signal?.throwIfAborted()
    const range =
      offset > 0 || length !== undefined
        ? `bytes=${offset}-${length === undefined ? '' : offset + Math.max(1, length) - 1}`
        : undefined
    try {
      const answer = await this.#client.send(
        new GetObjectCommand({ Bucket: this.#bucket, Key: key, ...(range && { Range: range }) }),
        sendOptions(signal),
      )
      const bytes = (await answer.Body?.transformToByteArray()) ?? new Uint8Array(0)
      return this.#checked(bytes, { key, offset, length, announced: answer.ContentLength })
    } catch (error) {
      signal?.throwIfAborted()
      if (isAppError(error)) throw error
      if (statusOf(error) === 416) {
        const size = (await this.stat(file, { signal }))?.size ?? 0
        if (length === undefined || length === 0) return new Uint8Array(0)
        throw storageErrors.truncated(
          { where: this.#where(key), expected: offset + length, received: size },
          { cause: error },
        )
      }
      throw s3Error(error, this.#where(key))
    }
  }

  async stat(file: FileId, { signal }: StorageOptions = {}): Promise<{ size: number } | undefined> {
    const key = this.#keyOf(file)
    signal?.throwIfAborted()
    try {
      const answer = await this.#client.send(
        new HeadObjectCommand({ Bucket: this.#bucket, Key: key }),
        sendOptions(signal),
      )
      return { size: answer.ContentLength ?? 0 }
    } catch (error) {
      signal?.throwIfAborted()
      if (statusOf(error) === 404) return undefined
      throw s3Error(error, this.#where(key))
    }
  }

  async *list(kind: FileKind, { signal }: StorageOptions = {}): AsyncGenerator<{ name: string; size: number }> {
    signal?.throwIfAborted()
    if (kind === 'config') {
      const found = await this.stat({ kind, name: '' }, { signal })
      if (found) yield { name: '', size: found.size }
      return
    }
    const folder = `${this.#prefix}${folderOf(kind)}/`
    let token: string | undefined
    do {
      const page = await this.#page(folder, { token, signal })
      for (const { Key: key = '', Size: size = 0 } of page.Contents ?? []) {
        const name = key.slice(key.lastIndexOf('/') + 1)
        if (isFileName(name) && key === this.#keyOf({ kind, name })) yield { name, size }
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  async remove(file: FileId, { signal }: StorageOptions = {}): Promise<void> {
    const key = this.#keyOf(file)
    signal?.throwIfAborted()
    try {
      await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }), sendOptions(signal))
    } catch (error) {
      signal?.throwIfAborted()
      if (statusOf(error) !== 404) throw s3Error(error, this.#where(key))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy()
  }

  #keyOf(file: FileId): string {
    return this.#prefix + pathOf(file)
  }

  #where(key: string): string {
    return `${this.#location}/${key.slice(this.#prefix.length)}`
  }

  async #page(
    folder: string,
    { token, limit, signal }: { token?: string | undefined; limit?: number; signal: AbortSignal | undefined },
  ): Promise<ListObjectsV2CommandOutput> {
    signal?.throwIfAborted()
    const more = { ...(token && { ContinuationToken: token }), ...(limit && { MaxKeys: limit }) }
    try {
      return await this.#client.send(
        new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: folder, ...more }),
        sendOptions(signal),
      )
    } catch (error) {
      signal?.throwIfAborted()
      throw s3Error(error, this.#where(folder))
    }
  }

  async #put(
    input: Omit<PutObjectCommandInput, 'Bucket'> & { Key: string },
    signal: AbortSignal | undefined,
  ): Promise<void> {
    try {
      await this.#client.send(new PutObjectCommand({ Bucket: this.#bucket, ...input }), sendOptions(signal))
    } catch (error) {
      signal?.throwIfAborted()
      throw s3Error(error, this.#where(input.Key))
    }
  }

  /** Measured once: a second conditional write of one name either fails (412) or shows that the store ignores the condition. */
  #honoursConditions(signal: AbortSignal | undefined): Promise<boolean> {
    this.#conditional ??= this.#probe(signal).catch((error: unknown) => {
      this.#conditional = undefined
      throw error
    })
    return this.#conditional
  }

  async #probe(signal: AbortSignal | undefined): Promise<boolean> {
    const probe = {
      Key: this.#prefix + probeName,
      Body: new TextEncoder().encode('Written to see whether this store honours If-None-Match.\n'),
    }
    await this.#put(probe, signal)
    try {
      await this.#put({ ...probe, IfNoneMatch: '*' }, signal)
    } catch (error) {
      if (isAppError(error, 'storage.exists')) return (this.#exclusiveCreate = true)
      // A store that does not know the header may refuse it (400, 501).
      if (!isAppError(error, 'storage.failed')) throw error
    }
    return false
  }

  /** Locks are not retained: they must go away when their holder is done. */
  #lockUntil(kind: FileKind): Pick<PutObjectCommandInput, 'ObjectLockMode' | 'ObjectLockRetainUntilDate'> {
    if (!this.#retention || kind === 'lock') return {}
    return {
      ObjectLockMode: this.#retention.mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE',
      ObjectLockRetainUntilDate: new Date(this.#now() + this.#retention.days * 86_400_000),
    }
  }

  #checked(
    bytes: Uint8Array,
    {
      key,
      offset,
      length,
      announced,
    }: { key: string; offset: number; length: number | undefined; announced: number | undefined },
  ): Uint8Array {
    if (announced !== undefined && bytes.length < announced) {
      throw storageErrors.unavailable({
        where: this.#where(key),
        reason: `the answer ended after ${bytes.length} of ${announced} bytes`,
      })
    }
    if (length === undefined) return bytes
    if (bytes.length < length) {
      throw storageErrors.truncated({
        where: this.#where(key),
        expected: offset + length,
        received: offset + bytes.length,
      })
    }
    return bytes.length === length ? bytes : bytes.subarray(0, length)
  }
}

/** Packs are named by their SHA-256 and large: the name saves hashing them again, and the store then checks what it got against the name. */
function checksumOf({ kind, name }: FileId, body: Uint8Array): string {
  return kind === 'data' && body.length > 65_536
    ? Buffer.from(name, 'hex').toString('base64')
    : createHash('sha256').update(body).digest('base64')
}

function sendOptions(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal ? { abortSignal: signal } : {}
}

function clientConfig(options: S3StorageOptions): S3ClientConfig {
  const { endpoint, region, pathStyle, profile, credentials, connections = 8, idleTimeout = 60_000 } = options
  return {
    region: region ?? process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'] ?? 'us-east-1',
    forcePathStyle: pathStyle ?? endpoint !== undefined,
    maxAttempts: 1,
    // Stores other than Amazon's often refuse the checksum trailers that are the default since 2025.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: 10_000,
      socketTimeout: idleTimeout,
      httpAgent: { keepAlive: true, maxSockets: connections },
      httpsAgent: { keepAlive: true, maxSockets: connections },
    },
    ...(endpoint !== undefined && { endpoint }),
    ...(profile !== undefined && { profile }),
    ...(credentials && { credentials }),
  }
}
