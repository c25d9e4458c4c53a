import type { X509Certificate } from 'node:crypto'
import type { WritableDisk } from '../../disk-sink.ts'
import type { ChangeToken, DiskSource, Extent, IoOptions } from '../../disk-source.ts'

/** Who is at the other end of a connection. */
export interface NbdPeer {
  /** Address of the client; `undefined` on a unix socket. */
  readonly address: string | undefined
  /** Whether the connection is encrypted. */
  readonly tls: boolean
  /** Certificate of the client, if it showed one and it was checked. */
  readonly certificate: X509Certificate | undefined
}

/** A disk that clients can open by name. */
export interface NbdExport {
  readonly name: string
  /** One line for people. */
  readonly description?: string | undefined
  readonly source: DiskSource
  /** Takes writes; without it the export is read-only. Most often the same overlay that is the source. */
  readonly writable?: WritableDisk | undefined
  /** Metadata contexts beside `base:allocation`: each shows as dirty what the source says changed since the token. */
  readonly bitmaps?: ReadonlyMap<string, ChangeToken> | undefined
  /** Called once when the connection that opened it has ended. */
  readonly release?: (() => Promise<void>) | undefined
}

/** Finds exports by name as they are asked for. */
export interface NbdExports {
  /** What a client may see in a list. */
  list(peer: NbdPeer): Promise<readonly Pick<NbdExport, 'name' | 'description'>[]>
  /** The export of that name, or `undefined`. Each result is released once. */
  open(name: string, peer: NbdPeer): Promise<NbdExport | undefined>
}

/** A source whose extents can change, and can be asked for a part of the disk alone. */
export interface RangedExtents {
  /** Extents of a range, without gaps; with `since` only what changed. */
  extentsWithin(
    offset: number,
    length: number,
    options?: IoOptions & { readonly since?: ChangeToken | undefined },
  ): AsyncIterable<Extent>
}

/** Whether extents of the source may change while it is open. */
export function hasRangedExtents(source: DiskSource): source is DiskSource & RangedExtents {
  return 'extentsWithin' in source
}

/** Always the same exports. The empty name, which tools ask for by default, finds the only one. */
export function fixedExports(exports: readonly NbdExport[]): NbdExports {
  return {
    list: () => Promise.resolve(exports),
    open: (name) => {
      const found = exports.find((candidate) => candidate.name === name)
      return Promise.resolve(found ?? (name === '' && exports.length === 1 ? exports[0] : undefined))
    },
  }
}
