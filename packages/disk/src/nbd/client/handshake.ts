import type { Socket } from 'node:net'
import { concatBytes, safeInteger, viewOf } from '@nixen/core'
import { exportText } from '../address.ts'
import { nbdErrors } from '../errors.ts'
import {
  defaultMaxRequest,
  exportFlag,
  handshakeFlag,
  infoType,
  initialMagic,
  maxString,
  oldstyleMagic,
  option,
  optionMagic,
  optionReply,
  optionReplyMagic,
} from '../protocol.ts'
import { SocketReader, type Intake } from '../socket-reader.ts'
import { decodeText, encodeOption, encodeText, lengthPrefixed, uint16, uint32 } from '../wire.ts'
import { upgradeClient, type NbdClientTls } from './tls.ts'

/** No reply to an option needs more: the longest holds two strings of the protocol's maximum. */
const maxOptionReply = 64 * 1024
/** Replies to one option; a list of exports may have that many. */
const maxOptionReplies = 100_000

/** Sizes in bytes of what the server takes in one request. */
export interface NbdBlockSizes {
  readonly minimum: number
  readonly preferred: number
  readonly maximum: number
}

/** What both sides agreed on. */
export interface Negotiated {
  readonly socket: Socket
  readonly reader: SocketReader
  readonly size: number
  /** Bits of `exportFlag`. */
  readonly flags: number
  readonly structured: boolean
  /** Metadata contexts by name, with the numbers that block status uses. */
  readonly contexts: ReadonlyMap<string, number>
  readonly blockSizes: NbdBlockSizes
  readonly description: string | undefined
}

/** One entry of a server's list. */
export interface NbdListEntry {
  readonly name: string
  readonly description: string
}

interface OptionReply {
  readonly type: number
  readonly data: Uint8Array
}

/** The negotiation of one connection, from the client's side. */
export class ClientHandshake {
  #socket: Socket
  #reader: SocketReader
  readonly #where: string
  #noZeroes = false
  #fixed = false

  constructor(socket: Socket, where: string, intake?: Intake) {
    this.#socket = socket
    this.#where = where
    this.#reader = new SocketReader(socket, intake)
  }

  /** Reads the greeting, answers it and starts TLS where it is asked for. */
  async greet(tls: NbdClientTls | undefined, host: string | undefined): Promise<void> {
    const greeting = viewOf(await this.#read(16))
    if (greeting.getBigUint64(0) !== initialMagic) throw this.#broken('its greeting is not NBDMAGIC')
    const style = greeting.getBigUint64(8)
    if (style === oldstyleMagic) throw this.#broken('it only knows the oldstyle negotiation of nbd before 3.0')
    if (style !== optionMagic) throw this.#broken('it greets with an unknown style of negotiation')
    const flags = viewOf(await this.#read(2)).getUint16(0)
    this.#fixed = (flags & handshakeFlag.fixedNewstyle) !== 0
    this.#noZeroes = this.#fixed && (flags & handshakeFlag.noZeroes) !== 0
    this.#socket.write(
      uint32((this.#fixed ? handshakeFlag.fixedNewstyle : 0) | (this.#noZeroes ? handshakeFlag.noZeroes : 0)),
    )
    if (tls) await this.#startTls(tls, host)
  }

  /** The exports that the server names. Many servers name none. */
  async list(): Promise<NbdListEntry[]> {
    const entries: NbdListEntry[] = []
    const end = await this.#option(option.list, undefined, ({ type, data }) => {
      if (type !== optionReply.server) return
      const length = data.length >= 4 ? viewOf(data).getUint32(0) : Infinity
      if (length > data.length - 4) throw this.#broken('an entry of its list is cut off')
      entries.push({
        name: decodeText(data.subarray(4, 4 + length)),
        description: decodeText(data.subarray(4 + length)),
      })
    })
    if (end.type !== optionReply.ack) throw this.#refusal('the list of exports', end)
    return entries
  }

  /** The metadata contexts of an export that begin with one of `queries` (all when there are none). */
  async listContexts(exportName: string, queries: readonly string[] = []): Promise<string[]> {
    if (!(await this.#structured())) return []
    return [...(await this.#contexts(option.listMetaContext, exportName, queries)).keys()]
  }

  /** Ends politely, from the state between options. */
  abort(): void {
    this.#socket.end(encodeOption(option.abort))
  }

  /** Opens an export with everything the server offers of what is wanted; falls back to EXPORT_NAME for old servers. */
  async open(exportName: string, contexts: readonly string[]): Promise<Negotiated> {
    if (!this.#fixed) return this.#exportName(exportName)
    const structured = await this.#structured()
    const agreed =
      structured && contexts.length > 0
        ? await this.#contexts(option.setMetaContext, exportName, contexts)
        : new Map<string, number>()
    return (await this.#go(exportName, structured, agreed)) ?? (await this.#exportName(exportName, structured, agreed))
  }

  async #startTls(tls: NbdClientTls, host: string | undefined): Promise<void> {
    if (!this.#fixed) throw nbdErrors.tls_unavailable({ where: this.#where })
    const end = await this.#option(option.startTls)
    if (end.type !== optionReply.ack) throw nbdErrors.tls_unavailable({ where: this.#where })
    // Bytes before TLS can come from anybody: taking them as if they came after it is how STARTTLS is attacked.
    if (this.#reader.buffered > 0) throw this.#broken('it sent data between agreeing to TLS and starting it')
    this.#reader.detach()
    const secure = await upgradeClient(this.#socket, tls, { host, where: this.#where })
    this.#socket = secure
    this.#reader = new SocketReader(secure)
  }

  async #structured(): Promise<boolean> {
    return (await this.#option(option.structuredReply)).type === optionReply.ack
  }

  async #contexts(kind: number, exportName: string, queries: readonly string[]): Promise<Map<string, number>> {
    const found = new Map<string, number>()
    const query = concatBytes([
      lengthPrefixed(exportName),
      uint32(queries.length),
      ...queries.map((text) => lengthPrefixed(text)),
    ])
    // A refusal means that there are none: opening goes on without block status.
    await this.#option(kind, query, ({ type, data }) => {
      if (type !== optionReply.metaContext) return
      if (data.length < 4) throw this.#broken('a metadata context is cut off')
      found.set(decodeText(data.subarray(4)), viewOf(data).getUint32(0))
    })
    return found
  }

  async #go(
    exportName: string,
    structured: boolean,
    contexts: ReadonlyMap<string, number>,
  ): Promise<Negotiated | undefined> {
    let info: { size: number; flags: number } | undefined
    let blockSizes: NbdBlockSizes | undefined
    let description: string | undefined
    const data = concatBytes([
      lengthPrefixed(exportName),
      uint16(2),
      uint16(infoType.description),
      uint16(infoType.blockSize),
    ])
    const end = await this.#option(option.go, data, (reply) => {
      if (reply.type !== optionReply.info || reply.data.length < 2) return
      const view = viewOf(reply.data)
      const type = view.getUint16(0)
      if (type === infoType.export && reply.data.length >= 12) {
        info = { size: this.#size(view.getBigUint64(2)), flags: view.getUint16(10) }
      }
      if (type === infoType.blockSize && reply.data.length >= 14) blockSizes = this.#blockSizes(view)
      if (type === infoType.description) description = decodeText(reply.data.subarray(2))
    })
    if (end.type === optionReply.errUnsupported) return undefined
    if (end.type === optionReply.errUnknown) {
      throw nbdErrors.unknown_export({
        where: this.#where,
        exportName: exportText(exportName),
        text: decodeText(end.data),
      })
    }
    if (end.type !== optionReply.ack) throw this.#refusal(`export "${exportText(exportName)}"`, end)
    if (!info) throw this.#broken('it opened an export without saying how large it is')
    return this.#agreed({ ...info, structured, contexts, blockSizes, description })
  }

  /** The only way of servers older than 2016. A server that does not know the name just closes the connection. */
  async #exportName(
    exportName: string,
    structured = false,
    contexts: ReadonlyMap<string, number> = new Map(),
  ): Promise<Negotiated> {
    this.#socket.write(encodeOption(option.exportName, encodeText(exportName)))
    const bytes = await this.#reader.read(this.#noZeroes ? 10 : 134)
    if (!bytes) throw nbdErrors.unknown_export({ where: this.#where, exportName: exportText(exportName) })
    const view = viewOf(bytes)
    return this.#agreed({
      size: this.#size(view.getBigUint64(0)),
      flags: view.getUint16(8),
      structured,
      contexts,
      blockSizes: undefined,
      description: undefined,
    })
  }

  #agreed(
    parts: Pick<Negotiated, 'size' | 'flags' | 'structured' | 'contexts' | 'description'> & {
      blockSizes: NbdBlockSizes | undefined
    },
  ): Negotiated {
    if ((parts.flags & exportFlag.hasFlags) === 0) throw this.#broken('the flags of the export are not valid')
    return {
      ...parts,
      blockSizes: parts.blockSizes ?? { minimum: 1, preferred: 4096, maximum: defaultMaxRequest },
      socket: this.#socket,
      reader: this.#reader,
    }
  }

  #size(value: bigint): number {
    const size = safeInteger(value)
    if (size === undefined) throw this.#broken(`an export of ${value} bytes is beyond what can be addressed`)
    return size
  }

  #blockSizes(view: DataView): NbdBlockSizes {
    const [minimum, preferred, maximum] = [view.getUint32(2), view.getUint32(6), view.getUint32(10)]
    const power = (value: number): boolean => value > 0 && (value & (value - 1)) === 0
    if (!power(minimum) || minimum > 65_536 || !power(preferred) || preferred < minimum || maximum < minimum) {
      throw this.#broken(`block sizes of ${minimum}, ${preferred} and ${maximum} bytes make no sense`)
    }
    return { minimum, preferred, maximum: Math.min(maximum - (maximum % minimum), defaultMaxRequest) }
  }

  /** Sends an option and hands each reply to `onReply`; the last one (ACK or an error) is the result. */
  async #option(kind: number, data?: Uint8Array, onReply?: (reply: OptionReply) => void): Promise<OptionReply> {
    this.#socket.write(encodeOption(kind, data))
    for (let count = 0; count < maxOptionReplies; count++) {
      const reply = await this.#reply(kind)
      if (reply.type === optionReply.ack) return reply
      if (reply.type >= 0x8000_0000) {
        if (reply.type === optionReply.errTlsRequired) throw nbdErrors.tls_required({ where: this.#where })
        return reply
      }
      onReply?.(reply)
    }
    throw this.#broken('its reply to an option does not end')
  }

  async #reply(kind: number): Promise<OptionReply> {
    const view = viewOf(await this.#read(20))
    if (view.getBigUint64(0) !== optionReplyMagic) throw this.#broken('a reply to an option has a wrong magic number')
    if (view.getUint32(8) !== kind) throw this.#broken('it answers an option that was not sent')
    const type = view.getUint32(12)
    const length = view.getUint32(16)
    if (length > maxOptionReply) throw this.#broken(`a reply to an option has ${length} bytes`)
    // A copy: what the reader hands out may be a view of a larger part.
    return { type, data: Uint8Array.from(await this.#read(length)) }
  }

  async #read(length: number): Promise<Uint8Array> {
    const bytes = await this.#reader.read(length)
    if (!bytes) throw nbdErrors.disconnected({ where: this.#where })
    return bytes
  }

  #broken(problem: string): Error {
    return nbdErrors.protocol({ where: this.#where, problem })
  }

  #refusal(what: string, reply: OptionReply): Error {
    const name = Object.entries(optionReply).find(([, value]) => value === reply.type)?.[0] ?? `error ${reply.type}`
    const text = decodeText(reply.data.subarray(0, maxString))
    return nbdErrors.refused({ where: this.#where, option: what, reason: name, text })
  }
}
