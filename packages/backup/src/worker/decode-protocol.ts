import type { MasterKey } from '../crypto/seal.ts'

// What the main thread and the worker threads of a restore say to each other.

export interface DecodeSetup {
  readonly key: MasterKey
}

/** One blob of a request: where its sealed bytes are in `sealed`, and where its content goes in the output. */
export interface DecodeBlob {
  readonly id: string
  readonly offset: number
  readonly length: number
  readonly uncompressedLength?: number | undefined
  readonly to: number
}

export interface DecodeRequest {
  readonly number: number
  readonly sealed: Uint8Array
  readonly output: Uint8Array
  readonly blobs: readonly DecodeBlob[]
}

/** Per blob: `undefined` when its content is in the output, otherwise what is wrong with it. */
export interface DecodeAnswer {
  readonly number: number
  readonly reasons: readonly (string | undefined)[]
}
