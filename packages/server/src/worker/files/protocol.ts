import type { WireError } from '../protocol.ts'
import type { FileFacts, SentFormat, VolumeFacts } from '../operations/files.ts'

/** What the sandboxed process is asked for; one thing in its life. */
export type FilesRequest =
  | { readonly do: 'volumes' }
  | { readonly do: 'list'; readonly volume?: string | undefined; readonly path: string; readonly limit: number }
  | {
      readonly do: 'search'
      readonly volume?: string | undefined
      readonly path: string
      readonly name: string
      readonly limit: number
    }
  | {
      readonly do: 'send'
      readonly volume?: string | undefined
      readonly paths: readonly string[]
      readonly format: SentFormat
    }

/** What comes at the end. */
export interface FilesAnswer {
  readonly volumes?: readonly VolumeFacts[] | undefined
  readonly volume?: VolumeFacts | undefined
  readonly more?: boolean | undefined
}

export type ToFiles =
  | {
      readonly type: 'start'
      readonly disks: readonly { readonly name: string; readonly size: number }[]
      readonly request: FilesRequest
    }
  | { readonly type: 'bytes'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly type: 'failed'; readonly id: number; readonly error: WireError }
  /** The last items or part are taken: more may come. */
  | { readonly type: 'taken' }

export type FromFiles =
  | {
      readonly type: 'read'
      readonly id: number
      readonly disk: number
      readonly offset: number
      readonly length: number
    }
  | { readonly type: 'items'; readonly items: readonly FileFacts[] }
  /** Before the first part of what is sent. */
  | { readonly type: 'begin'; readonly name: string; readonly length?: number | undefined }
  | { readonly type: 'part'; readonly bytes: Uint8Array }
  | { readonly type: 'alive'; readonly rss: number }
  | { readonly type: 'done'; readonly answer: FilesAnswer }
  | { readonly type: 'failed'; readonly error: WireError }

/** Largest read that is answered, bytes: one of the file system's own, or a piece of a file. */
export const longestRead: number = 4 * 1024 * 1024
/** Milliseconds between two signs of life. */
export const filesAliveEvery = 1000
