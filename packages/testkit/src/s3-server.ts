import crypto from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

export interface S3Server extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly endpoint: string
  readonly bucket: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** Where it keeps its objects. */
  readonly directory: string
}

/** The part of s3rver (which has no types) that is used here. */
interface S3rver {
  run(): Promise<{ port: number }>
  close(): Promise<void>
}
type S3rverClass = new (options: Record<string, unknown>) => S3rver

/** Starts npm's s3rver: an S3 server that no one here wrote. It checks signatures, and ignores `If-None-Match`. */
export async function startS3Server({ bucket = 'backups' }: { bucket?: string } = {}): Promise<S3Server> {
  const directory = await mkdtemp(path.join(tmpdir(), 'nixen-s3-'))
  replaceDes()
  // @ts-expect-error -- no types are published for it
  const { default: Server } = (await import('s3rver')) as { default: S3rverClass }
  const server = new Server({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory,
    configureBuckets: [{ name: bucket, configs: [] }],
  })
  const { port } = await server.run()
  return {
    endpoint: `http://127.0.0.1:${port}`,
    bucket,
    credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
    directory,
    async [Symbol.asyncDispose]() {
      await server.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

let replaced = false

/** s3rver seals the tokens of cut lists with DES, which OpenSSL has no more; without this every list that is cut answers 500. */
function replaceDes(): void {
  if (replaced) return
  replaced = true
  const { createCipheriv, createDecipheriv } = crypto
  const twice = (bytes: Buffer): Buffer => Buffer.concat([bytes, bytes])
  const isDes = (name: string): boolean => name === 'des'
  Object.assign(crypto, {
    createCipheriv: (name: string, key: Buffer, iv: Buffer, options?: object) =>
      isDes(name) ? createCipheriv('aes-128-cbc', twice(key), twice(iv)) : createCipheriv(name, key, iv, options),
    createDecipheriv: (name: string, key: Buffer, iv: Buffer, options?: object) =>
      isDes(name) ? createDecipheriv('aes-128-cbc', twice(key), twice(iv)) : createDecipheriv(name, key, iv, options),
  })
}
