import type { Socket } from 'node:net'
import { concatBytes, viewOf, type Log } from '@nixen/core'
import type { ChangeToken } from '../../disk-source.ts'
import {
  allocationContext,
  defaultMaxRequest,
  exportFlag,
  handshakeFlag,
  infoType,
  initialMagic,
  maxString,
  option,
  optionMagic,
  optionReply,
} from '../protocol.ts'
import { SocketReader } from '../socket-reader.ts'
import { decodeText, encodeOptionReply, encodeText, lengthPrefixed, uint16, uint32, uint64 } from '../wire.ts'
import type { NbdExport, NbdExports, NbdPeer } from './exports.ts'
import { parseInfo, parseMetaContext } from './option-data.ts'
import { upgradeServer, type NbdServerTls } from './tls.ts'

/** Longest data of an option that is read: a name and many queries fit. */
const maxOptionLength = 64 * 1024
/** Options that one client may send before it opens an export. */
const maxOptions = 256
/** Granularity that clients should prefer; also the block of an overlay. */
const preferredBlock = 64 * 1024

/** What a server needs to negotiate. */
export interface NegotiationOptions {
  readonly exports: NbdExports
  readonly tls: NbdServerTls | undefined
  readonly authorize: ((exportName: string, peer: NbdPeer) => boolean | Promise<boolean>) | undefined
  readonly log: Log
}

/** A context that the client chose, with the number that it got. */
export interface AgreedContext {
  readonly id: number
  readonly name: string
  readonly since: ChangeToken | undefined
}

/** An export that a client has opened. */
export interface NbdSession {
  readonly socket: Socket
  readonly reader: SocketReader
  readonly export: NbdExport
  readonly structured: boolean
  readonly contexts: readonly AgreedContext[]
}

/** The negotiation of one connection, from the server's side. */
export class ServerNegotiation {
  #socket: Socket
  #reader: SocketReader
  readonly #options: NegotiationOptions
  #peer: NbdPeer
  #noZeroes = false
  #structured = false
  #opened: NbdExport | undefined
  /** Contexts, and the export that they were chosen for. */
  #chosen: { readonly exportName: string; readonly contexts: readonly AgreedContext[] } | undefined

  constructor(socket: Socket, options: NegotiationOptions) {
    this.#socket = socket
    this.#options = options
    this.#reader = new SocketReader(socket)
    this.#peer = { address: socket.remoteAddress, tls: false, certificate: undefined }
  }

  /** The socket now; another one after TLS was started. */
  get socket(): Socket {
    return this.#socket
  }

  /** Goes on until the client opens an export, or leaves (`undefined`). */
  async run(): Promise<NbdSession | undefined> {
    const ours = handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes
    this.#socket.write(concatBytes([uint64(initialMagic), uint64(optionMagic), uint16(ours)]))
    const theirs = await this.#reader.read(4)
    if (!theirs) return undefined
    const flags = viewOf(theirs).getUint32(0)
    // "The server MUST close the connection if it does not know a flag of the client."
    if ((flags & ~ours) !== 0 || (flags & handshakeFlag.fixedNewstyle) === 0) return undefined
    this.#noZeroes = (flags & handshakeFlag.noZeroes) !== 0
    for (let count = 0; count < maxOptions; count++) {
      const result = await this.#oneOption()
      if (result === 'leave') return undefined
      if (result !== 'next') return result
    }
    return undefined
  }

  /** Gives back an export that was looked at but not opened in the end. */
  async release(): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    await opened?.release?.()
  }

  async #oneOption(): Promise<NbdSession | 'next' | 'leave'> {
    const head = await this.#reader.read(16)
    if (!head) return 'leave'
    const view = viewOf(head)
    if (view.getBigUint64(0) !== optionMagic) return 'leave'
    const kind = view.getUint32(8)
    const length = view.getUint32(12)
    if (length > maxOptionLength) {
      // Reading on would let a client keep us busy with gigabytes of nothing.
      this.#reply(kind, optionReply.errTooBig)
      return 'leave'
    }
    const data = await this.#reader.read(length)
    if (!data) return 'leave'
    return this.#handle(kind, data)
  }

  async #handle(kind: number, data: Uint8Array): Promise<NbdSession | 'next' | 'leave'> {
    const { tls } = this.#options
    if (kind === option.abort) {
      this.#reply(kind, optionReply.ack)
      return 'leave'
    }
    if (kind === option.startTls) return this.#startTls(data)
    if (tls && !tls.optional && !this.#peer.tls) {
      if (kind === option.exportName) return 'leave'
      return this.#refuse(kind, optionReply.errTlsRequired, 'this server only talks TLS')
    }
    switch (kind) {
      case option.exportName:
        return this.#exportName(decodeText(data))
      case option.list:
        return this.#list(data)
      case option.structuredReply:
        return this.#agreeStructured(data)
      case option.listMetaContext:
      case option.setMetaContext:
        return this.#metaContext(kind, data)
      case option.info:
      case option.go:
        return this.#info(kind, data)
      default:
        return this.#refuse(kind, optionReply.errUnsupported, '')
    }
  }

  async #startTls(data: Uint8Array): Promise<'next' | 'leave'> {
    const { tls } = this.#options
    if (data.length > 0) return this.#refuse(option.startTls, optionReply.errInvalid, 'STARTTLS has no data')
    if (!tls) return this.#refuse(option.startTls, optionReply.errPolicy, 'TLS is not configured')
    if (this.#peer.tls) return this.#refuse(option.startTls, optionReply.errInvalid, 'TLS has been started already')
    // What was sent in the clear must not count as if it had come through TLS.
    if (this.#reader.buffered > 0) return 'leave'
    this.#reader.detach()
    await new Promise<void>((resolve) => {
      this.#socket.write(encodeOptionReply(option.startTls, optionReply.ack), () => resolve())
    })
    const secure = await upgradeServer(this.#socket, tls)
    if (!secure) return 'leave'
    this.#socket = secure
    this.#reader = new SocketReader(secure)
    this.#peer = {
      ...this.#peer,
      tls: true,
      certificate: secure.authorized ? secure.getPeerX509Certificate() : undefined,
    }
    // "The server MUST forget what was agreed before TLS."
    this.#structured = false
    this.#chosen = undefined
    await this.release()
    return 'next'
  }

  #agreeStructured(data: Uint8Array): 'next' {
    if (data.length > 0) return this.#refuse(option.structuredReply, optionReply.errInvalid, 'it has no data')
    this.#structured = true
    this.#reply(option.structuredReply, optionReply.ack)
    return 'next'
  }

  async #list(data: Uint8Array): Promise<'next'> {
    if (data.length > 0) return this.#refuse(option.list, optionReply.errInvalid, 'it has no data')
    for (const { name, description = '' } of await this.#options.exports.list(this.#peer)) {
      if (!(await this.#allowed(name))) continue
      this.#reply(option.list, optionReply.server, concatBytes([lengthPrefixed(name), encodeText(description)]))
    }
    this.#reply(option.list, optionReply.ack)
    return 'next'
  }

  async #metaContext(kind: number, data: Uint8Array): Promise<'next'> {
    const query = parseMetaContext(data)
    if (!query) return this.#refuse(kind, optionReply.errInvalid, 'the option is cut off')
    if (!this.#structured) return this.#refuse(kind, optionReply.errInvalid, 'structured replies come first')
    const found = await this.#open(query.exportName)
    if (typeof found === 'number') return this.#refuse(kind, found, 'there is no such export')
    const offered = offeredContexts(found)
    const listing = kind === option.listMetaContext
    const matches = offered.filter(({ name }) =>
      query.queries.length === 0
        ? listing
        : query.queries.some((text) => name === text || (listing && text.endsWith(':') && name.startsWith(text))),
    )
    if (!listing) this.#chosen = { exportName: query.exportName, contexts: matches }
    for (const { id, name } of matches) {
      this.#reply(kind, optionReply.metaContext, concatBytes([uint32(listing ? 0 : id), encodeText(name)]))
    }
    this.#reply(kind, optionReply.ack)
    return 'next'
  }

  async #info(kind: number, data: Uint8Array): Promise<NbdSession | 'next'> {
    const wanted = parseInfo(data)
    if (!wanted) return this.#refuse(kind, optionReply.errInvalid, 'the option is cut off')
    const found = await this.#open(wanted.exportName)
    if (typeof found === 'number') return this.#refuse(kind, found, 'there is no such export')
    const info = (type: number, ...parts: readonly Uint8Array[]): void =>
      this.#reply(kind, optionReply.info, concatBytes([uint16(type), ...parts]))
    info(infoType.export, uint64(found.source.size), uint16(this.#flags(found)))
    if (wanted.types.includes(infoType.name)) info(infoType.name, encodeText(found.name))
    if (wanted.types.includes(infoType.description) && found.description !== undefined) {
      info(infoType.description, encodeText(found.description))
    }
    if (wanted.types.includes(infoType.blockSize)) {
      info(infoType.blockSize, uint32(1), uint32(preferredBlock), uint32(defaultMaxRequest))
    }
    this.#reply(kind, optionReply.ack)
    return kind === option.go ? this.#session(found, wanted.exportName) : 'next'
  }

  /** The old way to open: there is no way to say no but to hang up. */
  async #exportName(name: string): Promise<NbdSession | 'leave'> {
    const found = await this.#open(name)
    if (typeof found === 'number') return 'leave'
    const parts = [uint64(found.source.size), uint16(this.#flags(found))]
    this.#socket.write(concatBytes(this.#noZeroes ? parts : [...parts, new Uint8Array(124)]))
    return this.#session(found, name)
  }

  #session(found: NbdExport, exportName: string): NbdSession {
    this.#opened = undefined
    const contexts = this.#chosen?.exportName === exportName ? this.#chosen.contexts : []
    return { socket: this.#socket, reader: this.#reader, export: found, structured: this.#structured, contexts }
  }

  /** Opens an export, or keeps the one that is open; a number is the error to answer with. */
  async #open(name: string): Promise<NbdExport | number> {
    if (this.#opened?.name === name) return this.#opened
    await this.release()
    if (name.length > maxString) return optionReply.errTooBig
    if (!(await this.#allowed(name))) return optionReply.errPolicy
    this.#opened = await this.#options.exports.open(name, this.#peer)
    return this.#opened ?? optionReply.errUnknown
  }

  async #allowed(name: string): Promise<boolean> {
    return (await this.#options.authorize?.(name, this.#peer)) ?? true
  }

  #flags({ writable }: NbdExport): number {
    const { hasFlags, readOnly, multiConn, df, flush, fua, writeZeroes } = exportFlag
    return hasFlags | multiConn | (this.#structured ? df : 0) | (writable ? flush | fua | writeZeroes : readOnly)
  }

  #reply(kind: number, type: number, data?: Uint8Array): void {
    this.#socket.write(encodeOptionReply(kind, type, data))
  }

  #refuse(kind: number, type: number, text: string): 'next' {
    this.#reply(kind, type, encodeText(text))
    return 'next'
  }
}

function offeredContexts(found: NbdExport): AgreedContext[] {
  const bitmaps = [...(found.bitmaps ?? [])].map(([name, since], index) => ({ id: index + 2, name, since }))
  return [{ id: 1, name: allocationContext, since: undefined }, ...bitmaps]
}
