import { decode } from '../values/decode.ts'
import { inside, Mismatch } from '../values/mismatch.ts'
import { emptyMap, emptySet, setMember } from '../values/plain.ts'
import { fieldsOf } from '../values/schema.ts'
import { parseType, type XapiType } from '../values/type.ts'
import { xapiErrors } from '../errors.ts'
import { JsonDecoders, type JsonDecoder } from './json-decoders.ts'
import type { RpcOutcome } from './rpc-outcome.ts'
import { JsonSource, type PartSource } from './json-source.ts'
import { writeJson } from './json-text.ts'
import type { StringTable } from './string-table.ts'

export interface ReadJsonRpcOptions {
  /** `xapi.too_large` beyond it. */
  readonly maxBytes: number
  /** Decodes the result by this type of the data model, as `decodeValue` does; raw JSON when left out. */
  readonly type?: string | undefined
  /**
   * Takes the entries of a map (key and value) or set (index and value), for `event.from` its events (without `id` and `timestamp`, which
   * say nothing), instead of keeping them: the result then has none. What it throws ends the reading.
   */
  readonly onEntry?: ((key: string | number, value: unknown) => void) | undefined
  /** Shares equal strings with other answers read with the same table. */
  readonly strings?: StringTable | undefined
  readonly signal?: AbortSignal | undefined
}

const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
const any: XapiType = { kind: 'any' }

/**
 * Reads an answer of JSON-RPC 1.0 or 2.0 as it comes in. Large maps, sets and event batches are decoded entry by entry with pauses for the event
 * loop; there is never a text of the whole.
 *
 * @throws `xapi.bad_answer`, `xapi.truncated`, `xapi.too_large`, the signal's reason, or what the body throws
 */
export async function readJsonRpcResponse(body: PartSource, options: ReadJsonRpcOptions): Promise<RpcOutcome> {
  await using source = new JsonSource(body, options)
  try {
    return await new ResponseReader(source, options).read()
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error
    const { expected, got } = error
    if (got === 'the end') throw xapiErrors.truncated({ received: source.received, expected })
    throw xapiErrors.bad_answer({ expected, got, at: error.at(options.type ?? 'answer') })
  }
}

/** What is read of an answer so far. */
interface Envelope {
  result?: unknown
  /** The result was `null`: an error in version 1.0, otherwise a value to be judged by its type. */
  nothing?: boolean
  error?: unknown
}

class ResponseReader {
  readonly #source: JsonSource
  readonly #onEntry: ReadJsonRpcOptions['onEntry']
  readonly #type: XapiType
  readonly #decoders: JsonDecoders

  constructor(source: JsonSource, { type, onEntry }: ReadJsonRpcOptions) {
    this.#source = source
    this.#type = type === undefined ? any : parseType(type)
    this.#onEntry = onEntry
    this.#decoders = new JsonDecoders({ briefEvents: onEntry !== undefined })
  }

  async read(): Promise<RpcOutcome> {
    const source = this.#source
    const envelope: Envelope = {}
    await source.read((cursor) => {
      if (cursor.peek() !== openBrace) throw cursor.unexpected('an object of JSON-RPC')
    })
    await this.#members(async (name) => {
      if (name === 'result') envelope.result = await this.#result(envelope)
      else if (name === 'error') envelope.error = await source.read((cursor) => cursor.any())
      else await source.read((cursor) => cursor.any())
    })
    const rest = await source.read((cursor) =>
      cursor.peek() === -1 ? undefined : cursor.unexpected('the end of the answer'),
    )
    if (rest) throw rest
    return outcomeOf(envelope, this.#type)
  }

  async #result(envelope: Envelope): Promise<unknown> {
    const first = await this.#source.read((cursor) => cursor.peek())
    if (first !== 0x6e) return await this.#value(this.#type, { large: true })
    envelope.nothing = true
    return await this.#source.read((cursor) => cursor.any())
  }

  /** A value whose type may make it large. */
  async #value(type: XapiType, { large }: { large: boolean }): Promise<unknown> {
    const first = await this.#source.read((cursor) => cursor.peek())
    if (first === openBrace && large) {
      if (type.kind === 'map') return await this.#map(type)
      if (type.kind === 'any') return await this.#record(() => any)
      if (type.kind === 'record' && type.class === 'event_batch') {
        const fields = fieldsOf(type.class)
        return await this.#record((name) => fields?.get(name) ?? any)
      }
    }
    if (first === openBracket && type.kind === 'set') return await this.#set(type.of)
    if (first === openBracket && type.kind === 'any') return await this.#set(any)
    return await this.#source.read(this.#decoders.of(type))
  }

  async #map(type: XapiType & { kind: 'map' }): Promise<unknown> {
    const decoder = this.#decoders.of(type.value)
    const map = new Map<string, unknown>()
    const take = this.#onEntry ?? ((key: string | number, value: unknown) => void map.set(String(key), value))
    await this.#entries(decoder, take)
    if (type.key.kind === 'ref') return map
    if (map.size === 0) return emptyMap
    const members: Record<string, unknown> = {}
    for (const [key, value] of map) setMember(members, key, value)
    return members
  }

  /** Key and value are read in one go: two visits of the stream for each entry would be felt. */
  async #entries(decoder: JsonDecoder, take: (key: string, value: unknown) => void): Promise<void> {
    const source = this.#source
    const entry: { key: string; value: unknown } = { key: '', value: undefined }
    if (await source.read((cursor) => (cursor.expect(openBrace), cursor.empty(closeBrace)))) return
    const read = (cursor: Parameters<JsonDecoder>[0]): boolean => {
      entry.key = cursor.key()
      try {
        entry.value = decoder(cursor)
      } catch (error) {
        throw inside(error, entry.key)
      }
      return cursor.more(closeBrace)
    }
    for (let more = true; more;) {
      more = source.tryRead(read) ?? (await source.read(read))
      take(entry.key, entry.value)
      const pause = source.pause()
      if (pause) await pause
    }
  }

  async #set(of: XapiType): Promise<unknown> {
    const source = this.#source
    const decoder = this.#decoders.of(of)
    const values: unknown[] = []
    const take = this.#onEntry ?? ((_: string | number, value: unknown) => void values.push(value))
    if (await source.read((cursor) => (cursor.expect(openBracket), cursor.empty(closeBracket)))) return emptySet
    let value: unknown
    let index = 0
    const read = (cursor: Parameters<JsonDecoder>[0]): boolean => {
      try {
        value = decoder(cursor)
      } catch (error) {
        throw inside(error, index)
      }
      return cursor.more(closeBracket)
    }
    for (let more = true; more; index++) {
      more = source.tryRead(read) ?? (await source.read(read))
      if (value !== null || of.kind !== 'ref') take(index, value)
      const pause = source.pause()
      if (pause) await pause
    }
    return values.length === 0 ? emptySet : values
  }

  /** An object each of whose members may be large. */
  async #record(typeOf: (name: string) => XapiType): Promise<Record<string, unknown>> {
    const record: Record<string, unknown> = {}
    await this.#members(async (name) => {
      try {
        setMember(record, name, await this.#value(typeOf(name), { large: false }))
      } catch (error) {
        throw inside(error, name)
      }
    })
    return record
  }

  async #members(take: (name: string) => Promise<void>): Promise<void> {
    const source = this.#source
    if (await source.read((cursor) => (cursor.expect(openBrace), cursor.empty(closeBrace)))) return
    do {
      await take(await source.read((cursor) => cursor.key()))
      const pause = source.pause()
      if (pause) await pause
    } while (await source.read((cursor) => cursor.more(closeBrace)))
  }
}

function outcomeOf(envelope: Envelope, type: XapiType): RpcOutcome {
  const { error } = envelope
  if (error !== undefined && error !== null) return failure(error)
  if (!('result' in envelope)) throw new Mismatch('"result" or "error"', undefined, 'neither')
  return { ok: true, result: envelope.nothing ? decode(type, envelope.result) : envelope.result }
}

/** `{ code, message, data }` of version 2.0, or `[code, param…]` of version 1.0 and of old hosts. */
function failure(error: unknown): RpcOutcome {
  if (Array.isArray(error)) return refusal(error[0], error.slice(1))
  if (typeof error === 'string') return refusal(error, [])
  if (typeof error === 'object' && error !== null && 'message' in error) {
    return refusal(error.message, 'data' in error && Array.isArray(error.data) ? error.data : [])
  }
  throw new Mismatch('an error of XAPI', error).in('error')
}

function refusal(code: unknown, params: readonly unknown[]): RpcOutcome {
  if (typeof code !== 'string') throw new Mismatch('an error code', code).in('error')
  return { ok: false, code, params: params.map((param) => (typeof param === 'string' ? param : writeJson(param))) }
}
