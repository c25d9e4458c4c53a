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
